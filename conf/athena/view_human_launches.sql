CREATE OR REPLACE VIEW "trailtally"."human_launches" AS
SELECT *
FROM "trailtally".launches
WHERE invoked_by IS NULL
    AND coalesce(actor_type, '') <> 'AWSService'
    AND NOT regexp_like(actor, ':role/aws-service-role/');
