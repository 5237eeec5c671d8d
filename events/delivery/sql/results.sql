-- The statements of events/delivery/results.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name finish_attempts
-- Records attempts and moves their events and jobs on, many at once; only for jobs still leased to this claim, so a
-- worker that lost its lease writes nothing. Returns the events that were its own. An event that was cancelled meanwhile
-- stays so, whatever its attempt came to.
WITH result AS (
    SELECT * FROM jsonb_to_recordset(%(results)s) AS result (
        event_id text, lease_token uuid, attempt_id text, status text, response_status int, error_code text,
        error_message text, requested_url text, http_method text, request_headers jsonb, response_headers jsonb,
        body text, latency_ms int, started_at timestamptz, planned_at timestamptz
    )
), own AS MATERIALIZED (
    SELECT result.*, job.team_id, job.connection_id, job.destination_id, job.attempt_number, job.trigger,
        job.batch_operation_id, job.cancelled, CASE WHEN NOT job.cancelled THEN result.planned_at END AS next_attempt_at
    FROM result
    JOIN delivery_job AS job ON job.event_id = result.event_id AND job.lease_token = result.lease_token
    -- Said again as an array, here and below: these plans are kept, and one that was made while the queue was empty
    -- would read all of it for each result when it is long.
    WHERE job.event_id = ANY(%(event_ids)s)
    ORDER BY job.event_id
    FOR UPDATE OF job
), attempt AS (
    INSERT INTO attempts (
        id, team_id, event_id, connection_id, destination_id, attempt_number, trigger, batch_operation_id, status,
        response_status, error_code, error_message, requested_url, http_method, request_headers, response_headers, body, latency,
        created_at, delivered_at
    )
    SELECT
        attempt_id, team_id, event_id, connection_id, destination_id, attempt_number, trigger, batch_operation_id,
        status, response_status, error_code, error_message, requested_url, http_method, request_headers, response_headers, body, latency_ms,
        started_at, CASE WHEN status = 'SUCCESSFUL' THEN started_at + make_interval(secs => latency_ms / 1000.0) END
    FROM own
), event AS (
    UPDATE events AS event
    SET status = CASE WHEN own.cancelled THEN event.status ELSE own.status END,
        attempts = own.attempt_number, response_status = own.response_status,
        error_code = own.error_code, failure_message = own.error_message, next_attempt_at = own.next_attempt_at,
        last_attempt_at = own.started_at, updated_at = now(),
        successful_at = CASE WHEN own.status = 'SUCCESSFUL' AND NOT own.cancelled THEN now() ELSE event.successful_at END
    FROM own
    WHERE event.id = own.event_id
), outcome AS (
    -- Counted for the bulk operation that queued them, once each: by the attempt that it queued. Retries that are planned
    -- now belong to nobody.
    INSERT INTO bulk_outcome (operation_id, done, failed)
    SELECT
        batch_operation_id, count(*) FILTER (WHERE status = 'SUCCESSFUL'), count(*) FILTER (WHERE status = 'FAILED')
    FROM own
    WHERE batch_operation_id IS NOT NULL AND NOT cancelled
    GROUP BY batch_operation_id
), done AS (
    DELETE FROM delivery_job WHERE event_id = ANY(ARRAY(SELECT event_id FROM own WHERE next_attempt_at IS NULL))
), again AS (
    UPDATE delivery_job AS job
    SET rank = %(retry_rank)s, due_at = own.next_attempt_at, attempt_number = job.attempt_number + 1,
        retry_number = job.retry_number + 1, trigger = 'AUTOMATIC', claim_count = 0, lease_token = NULL,
        batch_operation_id = NULL
    FROM own
    WHERE job.event_id = own.event_id AND own.next_attempt_at IS NOT NULL
        AND job.event_id = ANY(ARRAY(SELECT event_id FROM own WHERE next_attempt_at IS NOT NULL))
)
SELECT event_id FROM own
