-- The statement of alerts/evaluation/conditions/failed_operations.py.

-- :name failed_operations
-- By the team's operations of the last days, newest first in their index; there are few.
SELECT rule.id, operation.id, operation.type
FROM alerts_rule AS rule
JOIN bulk_operation AS operation
    ON operation.team_id = rule.team_id AND operation.id >= %(since)s AND operation.status = 'FAILED'
    AND operation.finished_at > %(now)s::timestamptz - make_interval(secs => rule.window_s)
WHERE rule.type = 'BULK_OPERATION_FAILED' AND rule.disabled_at IS NULL AND rule.deleted_at IS NULL
