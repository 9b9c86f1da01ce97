-- RunInstances calls that people or their programs made: not Auto Scaling, fleets, or any other service.
SELECT *
FROM launches
WHERE invoked_by IS NULL
    AND coalesce(actor_type, '') <> 'AWSService'
    AND NOT regexp_like(actor, ':role/aws-service-role/')
