-- The statements of events/lifecycle/moves.py: queueing events again, cancelling them, accepting requests again; a page each.

-- :name lock_jobs
-- In the order in which everybody waits for jobs. After these, nobody waits for anything but the rows of one event.
SELECT event_id, rank = 0 AND due_at > now() FROM delivery_job
WHERE event_id = ANY(%(ids)s)
ORDER BY event_id
FOR UPDATE

-- :name lock_events
-- `waiting`: what others hold is passed over when there are several, since two pages could wait for each other.
SELECT id, status, next_attempt_at IS NOT NULL, ignored_meta IS NOT NULL, batch_operation_id
FROM events
WHERE id = ANY(%(ids)s) AND id BETWEEN %(first)s AND %(last)s
ORDER BY id
FOR UPDATE {waiting}

-- :name read_jobs
SELECT event_id FROM delivery_job WHERE event_id = ANY(%(ids)s)

-- :name read_routes
-- What the events hang on, and the size of what they would deliver; null when it is not stored any more.
SELECT
    event.id,
    source.id IS NULL OR source.deleted_at IS NOT NULL, source.disabled_at IS NOT NULL,
    connection.id IS NULL OR connection.deleted_at IS NOT NULL, connection.disabled_at IS NOT NULL,
    connection.paused_at IS NOT NULL,
    destination.id IS NULL OR destination.deleted_at IS NOT NULL, destination.disabled_at IS NOT NULL,
    CASE WHEN event.has_payload THEN octet_length(payload.body) ELSE octet_length(request.body) END
FROM events AS event
LEFT JOIN sources_source AS source ON source.id = event.source_id
LEFT JOIN connections_connection AS connection ON connection.id = event.connection_id
LEFT JOIN destinations_destination AS destination ON destination.id = event.destination_id
LEFT JOIN requests AS request ON request.id = event.request_id AND NOT event.has_payload
LEFT JOIN event_payloads AS payload ON payload.id = event.id AND event.has_payload
WHERE event.id = ANY(%(ids)s) AND event.id BETWEEN %(first)s AND %(last)s

-- :name requeue
-- Locked and judged: QUEUED, with a job. A planned retry's job is taken forward, the others get one. An event that
-- failed before it had a payload of its own, in its rules, waits for those: rank 4. Returns how many do.
-- Jobs that are moved belong to no operation that waits for them: planned retries, and what was cancelled in flight.
WITH moved AS (
    UPDATE delivery_job
    SET rank = %(rank)s, due_at = now(), retry_number = 0, trigger = %(trigger)s, claim_count = 0, lease_token = NULL,
        batch_operation_id = %(batch)s, cancelled = false
    WHERE event_id = ANY(%(moved)s)
), queued AS (
    UPDATE events AS event
    SET status = 'QUEUED', next_attempt_at = NULL, ignored_cause = NULL,
        batch_operation_id = coalesce(%(batch)s, event.batch_operation_id), updated_at = now()
    FROM unnest(%(ids)s::text[], %(sizes)s::int[]) AS wanted (id, body_size)
    WHERE event.id = wanted.id AND event.id BETWEEN %(first)s AND %(last)s
    RETURNING event.*, wanted.body_size
), job AS (
    INSERT INTO delivery_job (
        event_id, team_id, request_id, source_id, connection_id, destination_id, rank, due_at, attempt_number,
        retry_number, trigger, body_size, has_payload, batch_operation_id
    )
    SELECT
        id, team_id, request_id, source_id, connection_id, destination_id,
        CASE WHEN attempts = 0 AND failure_message IS NOT NULL THEN 4 ELSE %(rank)s END,
        now(), attempts + 1, 0, %(trigger)s, body_size, has_payload, %(batch)s
    FROM queued
    WHERE NOT id = ANY(%(moved)s)
    RETURNING rank
)
SELECT count(*) FROM job WHERE rank = 4

-- :name cancel
-- What waits ends; of what is in flight the lease is kept and marked, so that its attempt becomes evidence. Jobs are read
-- as they were before: each ends for the operation that had queued it.
WITH outcome AS (
    INSERT INTO bulk_outcome (operation_id, done, failed, cancelled)
    SELECT batch_operation_id, 0, 0, count(*) FROM delivery_job
    WHERE event_id = ANY(%(ids)s) AND batch_operation_id IS NOT NULL
    GROUP BY batch_operation_id
), cancelled AS (
    UPDATE events
    SET status = 'CANCELLED', ignored_cause = %(cause)s, next_attempt_at = NULL,
        batch_operation_id = coalesce(%(batch)s, batch_operation_id), updated_at = now()
    WHERE id = ANY(%(ids)s) AND id BETWEEN %(first)s AND %(last)s
), ended AS (
    DELETE FROM delivery_job WHERE event_id = ANY(%(ids)s) AND NOT event_id = ANY(%(in_flight)s)
)
UPDATE delivery_job SET cancelled = true WHERE event_id = ANY(%(in_flight)s)

-- :name withdraw
-- A page of what a cancelled operation has waiting, of which no attempt has begun. A lease that ran out counts as waiting.
-- Jobs that others hold are passed over, and the operation's own row is left alone: a page of it waits for that one.
WITH job AS MATERIALIZED (
    SELECT ctid AS place FROM delivery_job
    WHERE batch_operation_id = %(id)s AND NOT cancelled AND (rank > 0 OR due_at <= now())
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM delivery_job USING job WHERE delivery_job.ctid = job.place
    RETURNING delivery_job.event_id, delivery_job.batch_operation_id
), outcome AS (
    INSERT INTO bulk_outcome (operation_id, done, failed, cancelled)
    SELECT batch_operation_id, 0, 0, count(*) FROM removed GROUP BY batch_operation_id
), cancelled AS (
    UPDATE events SET status = 'CANCELLED', ignored_cause = %(cause)s, next_attempt_at = NULL, updated_at = now()
    FROM removed WHERE events.id = removed.event_id AND events.status = ANY(%(leaving)s)
)
SELECT count(*) FROM removed

-- :name read_requests
SELECT
    request.id, request.handshake, request.body IS NOT NULL,
    source.id IS NULL OR source.deleted_at IS NOT NULL, source.disabled_at IS NOT NULL
FROM requests AS request
LEFT JOIN sources_source AS source ON source.id = request.source_id
WHERE request.id = ANY(%(ids)s) AND request.id BETWEEN %(first)s AND %(last)s

-- :name replay_requests
-- The table's trigger writes their route jobs. What was verified of the first one holds for the same bytes.
INSERT INTO requests (
    id, team_id, source_id, status, rejection_cause, verified, handshake, method, path, query, headers, body, client_ip,
    retry_parent_request_id, batch_operation_id, created_at, ingested_at
)
SELECT
    wanted.new_id, request.team_id, request.source_id, 'accepted', NULL, request.verified, false, request.method,
    request.path, request.query, request.headers, request.body, request.client_ip, request.id, %(batch)s, wanted.made_at,
    clock_timestamp()
FROM unnest(%(ids)s::text[], %(new_ids)s::text[], %(made_at)s::timestamptz[]) AS wanted (id, new_id, made_at)
JOIN requests AS request ON request.id = wanted.id
WHERE request.id BETWEEN %(first)s AND %(last)s
