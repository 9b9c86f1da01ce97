-- Who is denied access most, and at which calls?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    actor,
    event_source,
    event_name,
    account_id,
    sum(event_count) AS denied_calls,
    array_join(array_agg(DISTINCT error_code ORDER BY error_code), ', ') AS error_codes,
    count(DISTINCT source_ip) AS addresses,
    max(last_event_time) AS last_call
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND regexp_replace(error_code, '^(Client|Server)\.|(Exception|Fault)$') IN (
        'AccessDenied',
        'AccessDeniedByMeta',
        'AccessDeniedForDependency',
        'AccessForbidden',
        'AccessToClusterDenied',
        'AccessToSnapshotDenied',
        'AllAccessDisabled',
        'AuthFailure',
        'Authorization',
        'AuthorizationError',
        'CloudHsmAccessDenied',
        'DependencyAccessDenied',
        'DependentServiceAccessDenied',
        'EC2AccessDenied',
        'EncryptionKeyAccessDenied',
        'Forbidden',
        'ForbiddenError',
        'InsufficientDependencyServiceAccessPermission',
        'InsufficientIAMAccessPermission',
        'InsufficientPermissions',
        'InvalidAccess',
        'KMSAccessDenied',
        'KmsAccessDenied',
        'LoadUrlAccessDenied',
        'NotAuthorized',
        'OpsItemAccessDenied',
        'OrganizationAccessDenied',
        'S3AccessDenied',
        'SNSNoAuthorization',
        'Unauthorized',
        'UnauthorizedAccess',
        'UnauthorizedClient',
        'UnauthorizedError',
        'UnauthorizedOperation',
        'UnauthorizedPartnerIntegration',
        'UnauthorizedResourceAccess',
        'VpceAccessDenied'
    )
GROUP BY actor, event_source, event_name, account_id
ORDER BY denied_calls DESC, actor, event_source, event_name, account_id
