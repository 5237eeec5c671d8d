-- The statements of events/routing/rerun.py: events that wait for their rules, in jobs of rank 4.

-- :name claim_rules
-- Leased without leaving the rank: unlike an attempt, a run that nobody waits for any more does no harm.
WITH due AS MATERIALIZED (
    SELECT event_id FROM delivery_job WHERE rank = 4 AND due_at <= now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE delivery_job AS job
SET due_at = now() + make_interval(secs => %(lease_s)s), claim_count = claim_count + 1, lease_token = %(token)s
FROM due
WHERE job.event_id = due.event_id
RETURNING
    job.event_id, job.request_id, job.source_id, job.connection_id, job.destination_id, job.trigger, job.body_size,
    job.claim_count

-- :name return_rules
-- Gives claimed jobs back as if they had not been claimed.
WITH own AS MATERIALIZED (
    SELECT event_id FROM delivery_job WHERE event_id = ANY(%(ids)s) AND lease_token = %(token)s
    ORDER BY event_id FOR UPDATE
)
UPDATE delivery_job AS job
SET due_at = now() + make_interval(secs => %(after_s)s), claim_count = claim_count - 1, lease_token = NULL
FROM own
WHERE job.event_id = own.event_id

-- :name lock_rules
-- Only jobs still leased to this claim: what was cancelled, held or taken over meanwhile is left alone. Under the configuration lock,
-- so the version is that of the configuration until the commit.
WITH own AS MATERIALIZED (
    SELECT event_id FROM delivery_job WHERE event_id = ANY(%(ids)s) AND lease_token = %(token)s
    ORDER BY event_id FOR UPDATE
)
SELECT (SELECT version FROM teams_configversion WHERE id = 1), array(SELECT event_id FROM own)

-- :name forget_payloads
-- Of a branch whose transformation ran but whose filter could not be evaluated.
DELETE FROM event_payloads WHERE id = ANY(%(ids)s) AND id BETWEEN %(first)s AND %(last)s

-- :name finish_rules
-- The events as their rules left them, and their jobs on the way to delivery, or gone.
WITH result AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(results)s) AS result (
        event_id text, status text, failure_message text, ignored_cause text, ignored_meta jsonb, has_payload boolean,
        body_size int, rank int
    )
), event AS (
    UPDATE events AS event
    SET status = result.status, failure_message = result.failure_message, ignored_cause = result.ignored_cause,
        ignored_meta = result.ignored_meta, has_payload = result.has_payload, updated_at = now()
    FROM result
    WHERE event.id = result.event_id
), ended AS (
    DELETE FROM delivery_job AS job USING result WHERE job.event_id = result.event_id AND result.status <> 'QUEUED'
    RETURNING job.batch_operation_id, result.status
), outcome AS (
    INSERT INTO bulk_outcome (operation_id, done, failed, cancelled, held)
    SELECT
        batch_operation_id, 0, count(*) FILTER (WHERE status = 'FAILED'), count(*) FILTER (WHERE status = 'CANCELLED'),
        count(*) FILTER (WHERE status = 'HOLD')
    FROM ended
    WHERE batch_operation_id IS NOT NULL
    GROUP BY batch_operation_id
)
UPDATE delivery_job AS job
SET rank = result.rank, due_at = now(), has_payload = result.has_payload, body_size = result.body_size,
    claim_count = 0, lease_token = NULL
FROM result
WHERE job.event_id = result.event_id AND result.status = 'QUEUED'
