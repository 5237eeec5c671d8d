-- The statement of alerts/evaluation/conditions/disabled.py. Tables of configuration are small: no index is over disabled_at.

-- :name disabled_objects
SELECT rule.id, found.id, found.name
FROM alerts_rule AS rule
JOIN (
    SELECT 'SOURCE_DISABLED' AS type, team_id, id, name FROM sources_source
    WHERE disabled_at IS NOT NULL AND deleted_at IS NULL
    UNION ALL
    SELECT 'DESTINATION_DISABLED', team_id, id, name FROM destinations_destination
    WHERE disabled_at IS NOT NULL AND deleted_at IS NULL
    UNION ALL
    SELECT 'CONNECTION_DISABLED', team_id, id, name FROM connections_connection
    WHERE disabled_at IS NOT NULL AND deleted_at IS NULL
) AS found USING (team_id, type)
WHERE rule.disabled_at IS NULL AND rule.deleted_at IS NULL AND (rule.scope IS NULL OR found.id = ANY(rule.scope))
