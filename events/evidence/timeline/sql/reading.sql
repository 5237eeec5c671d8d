-- The statements of events/evidence/timeline/reading.py. Evidence is bounded by ids, so that only its days are read. The inner orders
-- begin with the column that is equal anyway: only the index on it has that order, and the key, which all would have to
-- be read through by, is none the planner could take on a day without statistics.

-- :name read_attempts
-- The latest attempts of each event, without what was sent and received.
SELECT
    attempt.id, attempt.event_id, attempt.attempt_number, attempt.trigger, attempt.status, attempt.response_status,
    attempt.error_code, attempt.error_message, attempt.latency, attempt.batch_operation_id
FROM unnest(%(event_ids)s::text[]) AS wanted (event_id)
CROSS JOIN LATERAL (
    SELECT * FROM attempts
    WHERE attempts.event_id = wanted.event_id AND attempts.id BETWEEN %(first)s AND %(last)s
    ORDER BY attempts.event_id DESC, attempts.id DESC LIMIT %(each)s
) AS attempt
ORDER BY attempt.id

-- :name read_executions
-- The latest runs of transformations over each branch.
SELECT
    run.id, run.event_id, run.transformation_id, run.status, run.error, run.error_kind, run.line, run.duration_us,
    coalesce(json_array_length(run.logs::json), 0) AS logs_count, run.after IS NOT NULL AS changed
FROM (
    SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY id DESC) AS age
    FROM transformation_executions
    WHERE request_id = %(request_id)s AND event_id = ANY(%(event_ids)s) AND id BETWEEN %(first)s AND %(last)s
) AS run
WHERE age <= %(each)s
ORDER BY run.id

-- :name read_actions
-- What people did to each of these while it mattered, the latest of each.
SELECT entry.id, entry.resource_id, entry.resource_type, entry.resource_name, entry.action, entry.actor_label
FROM unnest(%(resource_ids)s::text[], %(first)s::text[], %(last)s::text[]) AS wanted (resource_id, first, last)
CROSS JOIN LATERAL (
    SELECT * FROM teams_auditentry
    WHERE teams_auditentry.resource_id = wanted.resource_id
        AND teams_auditentry.id BETWEEN wanted.first AND wanted.last
    ORDER BY teams_auditentry.resource_id DESC, teams_auditentry.id DESC LIMIT %(each)s
) AS entry
ORDER BY entry.id
