-- The statements of events/routing/claims.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name claim_route_jobs
-- Leases what is due, oldest first, as far as the batch's bytes reach; a dead worker's jobs fall due again by themselves.
-- Found again by place: to Postgres's statistics the queue may be empty, and it would read all of it to find them by id.
WITH due AS MATERIALIZED (
    SELECT ctid AS place, request_id, body_size, due_at
    FROM route_job
    WHERE slow = %(slow)s AND due_at <= now()
    ORDER BY due_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), fitting AS (
    SELECT place
    FROM (
        SELECT place, sum(body_size) OVER (ORDER BY due_at, request_id) - body_size AS bytes_before FROM due
    ) AS summed
    WHERE bytes_before < %(bytes)s
)
UPDATE route_job AS job
SET due_at = now() + make_interval(secs => %(lease_s)s), claim_count = claim_count + 1, lease_token = %(token)s
FROM fitting
WHERE job.ctid = fitting.place
RETURNING job.request_id, job.source_id, job.body_size, job.claim_count, job.batch_operation_id

-- :name return_route_jobs
-- Gives claimed jobs back as if they had not been claimed.
UPDATE route_job SET due_at = now(), claim_count = claim_count - 1, lease_token = NULL
WHERE request_id = ANY(%(ids)s) AND lease_token = %(token)s

-- :name postpone_route_jobs
-- The same, into the queue of those whose transformations take long.
UPDATE route_job SET due_at = now(), claim_count = claim_count - 1, lease_token = NULL, slow = true
WHERE request_id = ANY(%(ids)s) AND lease_token = %(token)s

-- :name finish_route_jobs
-- Only jobs still leased to this claim; a late worker finds none and writes nothing. Under the configuration lock, so the version is
-- that of the configuration until the commit.
WITH finished AS (
    DELETE FROM route_job WHERE request_id = ANY(%(ids)s) AND lease_token = %(token)s RETURNING request_id
)
SELECT (SELECT version FROM teams_configversion WHERE id = 1), array(SELECT request_id FROM finished)
