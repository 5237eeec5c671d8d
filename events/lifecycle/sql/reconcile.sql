-- The statements of events/lifecycle/reconcile.py: bringing waiting work in line with a changed connection or destination, in pages.

-- :name hold_waiting
-- Paused: what waits is held and its job removed. What is in flight is let finish; the next look finds it. A lease that
-- ran out counts as waiting: claims pass over the connection now, so nobody else would ever take it. For a bulk operation
-- what is held is done: it may be held for weeks.
WITH job AS (
    SELECT ctid AS place FROM delivery_job
    WHERE connection_id = %(id)s AND (rank > 0 OR due_at <= now()) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM delivery_job USING job WHERE delivery_job.ctid = job.place
    RETURNING delivery_job.event_id, delivery_job.batch_operation_id, delivery_job.cancelled
), outcome AS (
    INSERT INTO bulk_outcome (operation_id, done, failed, held)
    SELECT batch_operation_id, 0, 0, count(*) FROM removed
    WHERE batch_operation_id IS NOT NULL AND NOT cancelled
    GROUP BY batch_operation_id
), held AS (
    UPDATE events SET status = 'HOLD', next_attempt_at = NULL, updated_at = now()
    FROM removed WHERE events.id = removed.event_id AND events.status = ANY(%(leaving)s)
)
SELECT count(*) FROM removed

-- :name cancel_waiting
-- Disabled or deleted: what waits is cancelled, with the cause. `by` is the column that names what changed.
WITH job AS (
    SELECT ctid AS place FROM delivery_job
    WHERE {by} = %(id)s AND (rank > 0 OR due_at <= now()) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM delivery_job USING job WHERE delivery_job.ctid = job.place
    RETURNING delivery_job.event_id, delivery_job.batch_operation_id, delivery_job.cancelled
), outcome AS (
    INSERT INTO bulk_outcome (operation_id, done, failed, cancelled)
    SELECT batch_operation_id, 0, 0, count(*) FROM removed
    WHERE batch_operation_id IS NOT NULL AND NOT cancelled
    GROUP BY batch_operation_id
), cancelled AS (
    UPDATE events SET status = 'CANCELLED', ignored_cause = %(cause)s, next_attempt_at = NULL, updated_at = now()
    FROM removed WHERE events.id = removed.event_id AND events.status = ANY(%(leaving)s)
)
SELECT count(*) FROM removed

-- :name cancel_held
-- A connection may have changed its destination since: held events keep theirs, so `by` is looked at as well.
WITH held AS (
    SELECT id FROM events
    WHERE connection_id = ANY(%(connection_ids)s) AND status = 'HOLD' AND {by} = %(id)s
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), cancelled AS (
    UPDATE events SET status = 'CANCELLED', ignored_cause = %(cause)s, updated_at = now()
    FROM held WHERE events.id = held.id RETURNING events.id
)
SELECT count(*) FROM cancelled

-- :name release_held
-- Unpaused: the oldest first. Delivery takes them at the destination's rate.
WITH held AS (
    SELECT id FROM events
    WHERE connection_id = %(id)s AND status = 'HOLD' ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), released AS (
    UPDATE events SET status = 'QUEUED', updated_at = now()
    FROM held WHERE events.id = held.id RETURNING events.*
), job AS (
    INSERT INTO delivery_job (
        event_id, team_id, request_id, source_id, connection_id, destination_id, rank, due_at, attempt_number,
        retry_number, trigger, body_size, has_payload
    )
    SELECT
        released.id, released.team_id, released.request_id, released.source_id, released.connection_id,
        released.destination_id,
        -- What was held while it waited for its rules waits for them again.
        CASE WHEN released.attempts = 0 AND released.failure_message IS NOT NULL THEN 4 ELSE %(rank)s END,
        released.created_at, released.attempts + 1, 0, 'UNPAUSE',
        coalesce(octet_length(CASE WHEN released.has_payload THEN payload.body ELSE request.body END), 0),
        released.has_payload
    FROM released
    LEFT JOIN requests AS request ON request.id = released.request_id AND NOT released.has_payload
    LEFT JOIN event_payloads AS payload ON payload.id = released.id AND released.has_payload
    ON CONFLICT (event_id) DO NOTHING
), ended AS (
    -- A destination that ended while the connection pointed elsewhere: its own reconciliation cancels what comes to it now.
    -- A change of it just now waits for the configuration lock, which this page holds: then the page fails and comes again.
    SELECT id FROM destinations_destination
    WHERE id IN (SELECT destination_id FROM released) AND (disabled_at IS NOT NULL OR deleted_at IS NOT NULL)
    ORDER BY id FOR NO KEY UPDATE NOWAIT
), marked AS (
    UPDATE destinations_destination SET reconcile_requested_at = now() FROM ended
    WHERE destinations_destination.id = ended.id
)
SELECT count(*) FROM released

-- :name count_jobs
SELECT count(*) FROM (SELECT 1 FROM delivery_job WHERE {by} = %(id)s LIMIT 1) AS found

-- :name count_held
-- Also what somebody has locked.
SELECT count(*) FROM (
    SELECT 1 FROM events WHERE connection_id = ANY(%(connection_ids)s) AND status = 'HOLD' AND {by} = %(id)s LIMIT 1
) AS found
