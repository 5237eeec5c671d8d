-- The statements of events/delivery/claims.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name claim_delivery_jobs
-- Takes what is due for many destinations at once, each within its own room, in one statement:
--   scan       the destinations that have jobs, by skipping along the queue index (its cost is their number, not the jobs')
--   queue       those this worker may serve: enabled, owned by nobody else, with room and (rate-limited) a slot soon
--   due        per queue, what is due in order of rank; `turn` counts within the queue
--   chosen     turn by turn across queues, so that the first of each comes before the second of any; bulk work with what
--              is left, and within bounds of its own, so that there is always room for live traffic; bounded in bytes
--   owned      the queues taken or kept, with their slots given out; the loser of a race gets no row and so no jobs
-- A queue has one owner at a time, so max_concurrency and the rate hold however many workers there are.
WITH RECURSIVE scan (destination_id, number) AS (
    (SELECT destination_id, 1 FROM delivery_job WHERE destination_id > %(after)s ORDER BY destination_id LIMIT 1)
    UNION ALL
    SELECT following.destination_id, scan.number + 1
    FROM scan CROSS JOIN LATERAL (
        SELECT job.destination_id FROM delivery_job AS job
        WHERE job.destination_id > scan.destination_id ORDER BY job.destination_id LIMIT 1
    ) AS following
    WHERE scan.number < %(destinations)s
), candidate AS MATERIALIZED (
    SELECT
        scan.destination_id,
        coalesce(busy.room, least(%(room)s, destination.max_concurrency)) AS room,
        coalesce(busy.bulk_room, least(%(room)s, destination.max_concurrency)) AS bulk_room,
        owner.owner IS NOT DISTINCT FROM %(worker)s AND owner.owned_until > now() + interval '3 seconds' AS kept,
        -- A hundredth wider than the rate says, so that a start a little late does not crowd the window before it.
        CASE destination.rate_limit_period WHEN 'second' THEN 1.01 WHEN 'minute' THEN 60.6 ELSE 3636.0 END
            / destination.rate_limit AS slot_s,
        owner.last_slot_at
    FROM scan
    JOIN destinations_destination AS destination ON destination.id = scan.destination_id
    LEFT JOIN destination_lease AS owner ON owner.destination_id = scan.destination_id
    LEFT JOIN unnest(%(busy)s::text[], %(rooms)s::int[], %(bulk_rooms)s::int[]) AS busy (destination_id, room, bulk_room)
        ON busy.destination_id = scan.destination_id
    WHERE destination.disabled_at IS NULL AND destination.deleted_at IS NULL
        AND (owner.owner IS NULL OR owner.owner = %(worker)s OR owner.owned_until < now())
), queue AS MATERIALIZED (
    SELECT destination_id, kept, slot_s, first_slot_at,
        CASE
            WHEN slot_s IS NULL THEN room
            -- Slots up to a second ahead are given out now; the worker waits for each. What is further off stays here.
            ELSE least(room, 1 + floor(extract(epoch FROM now() + interval '1 second' - first_slot_at) / slot_s))::int
        END AS room,
        CASE
            WHEN slot_s IS NULL THEN bulk_room
            -- The last of these slots are for what comes meanwhile.
            WHEN first_slot_at > now() + interval '0.75 seconds' THEN 0
            ELSE least(bulk_room, 1 + floor(extract(epoch FROM now() + interval '0.75 seconds' - first_slot_at) / slot_s))::int
        END AS bulk_room
    FROM (
        SELECT *, greatest(now(), last_slot_at + make_interval(secs => slot_s)) AS first_slot_at FROM candidate
    ) AS slotted
    WHERE room > 0 AND (slot_s IS NULL OR first_slot_at <= now() + interval '1 second')
), due AS (
    SELECT
        queue.destination_id, job.event_id, job.place, job.due_at, job.body_size, job.rank = 3 AS is_bulk,
        row_number() OVER (PARTITION BY queue.destination_id ORDER BY job.rank, job.due_at, job.event_id) AS turn
    FROM queue CROSS JOIN LATERAL (
        SELECT ranked.* FROM (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint)) AS ranks (rank)
        CROSS JOIN LATERAL (
            SELECT waiting.event_id, waiting.ctid AS place, waiting.rank, waiting.due_at, waiting.body_size
            FROM delivery_job AS waiting
            JOIN connections_connection AS connection ON connection.id = waiting.connection_id
                AND connection.paused_at IS NULL AND connection.disabled_at IS NULL AND connection.deleted_at IS NULL
            WHERE waiting.destination_id = queue.destination_id AND waiting.rank = ranks.rank
                AND waiting.due_at <= now() AND NOT waiting.cancelled
            ORDER BY waiting.due_at
            LIMIT CASE WHEN ranks.rank = 3 THEN queue.bulk_room ELSE queue.room END
        ) AS ranked
        ORDER BY ranked.rank, ranked.due_at
        LIMIT queue.room
    ) AS job
), chosen AS MATERIALIZED (
    SELECT event_id, place, destination_id, turn
    FROM (
        SELECT *, sum(body_size) OVER (ORDER BY is_bulk, turn, due_at, event_id) - body_size AS bytes_before
        FROM (
            (SELECT * FROM due WHERE NOT is_bulk ORDER BY turn, due_at, event_id LIMIT %(limit)s)
            UNION ALL
            (SELECT * FROM due WHERE is_bulk ORDER BY turn, due_at, event_id LIMIT %(bulk_limit)s)
            ORDER BY is_bulk, turn, due_at, event_id
            LIMIT %(limit)s
        ) AS bounded
    ) AS summed
    WHERE bytes_before < %(bytes)s
), taken AS (
    SELECT queue.destination_id, queue.kept, queue.slot_s, queue.first_slot_at, count(*) AS jobs
    FROM chosen JOIN queue USING (destination_id)
    GROUP BY queue.destination_id, queue.kept, queue.slot_s, queue.first_slot_at
), acquired AS (
    INSERT INTO destination_lease (destination_id, owner, owned_until, last_slot_at)
    SELECT
        destination_id, %(worker)s, now() + make_interval(secs => %(destination_lease_s)s),
        coalesce(first_slot_at + make_interval(secs => slot_s * (jobs - 1)), 'epoch')
    FROM taken
    WHERE NOT kept OR slot_s IS NOT NULL
    ORDER BY destination_id
    ON CONFLICT (destination_id) DO UPDATE
    SET owner = excluded.owner, owned_until = excluded.owned_until, last_slot_at = excluded.last_slot_at
    WHERE destination_lease.owner IS NULL OR destination_lease.owner = excluded.owner OR destination_lease.owned_until < now()
    RETURNING destination_id
), owned AS (
    SELECT destination_id FROM acquired
    UNION ALL
    SELECT destination_id FROM taken WHERE kept AND slot_s IS NULL
), locked AS MATERIALIZED (
    -- One by one and by place: to Postgres's statistics the queue may be empty, as it was when it was looked at last, and
    -- a join with an empty table reads all of it, again and again. Who has been moved since the scan comes next time.
    SELECT job.place, job.rank = 3 AS is_bulk, taken.slot_s,
        CASE WHEN taken.slot_s IS NOT NULL
            THEN taken.first_slot_at + make_interval(secs => taken.slot_s * (chosen.turn - 1)) END AS slot_at
    FROM chosen
    JOIN owned USING (destination_id)
    JOIN taken USING (destination_id)
    CROSS JOIN LATERAL (
        SELECT waiting.ctid AS place, waiting.rank FROM delivery_job AS waiting
        WHERE waiting.ctid = chosen.place AND waiting.event_id = chosen.event_id AND waiting.due_at <= now()
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS job
), claimed AS (
    UPDATE delivery_job AS job
    SET rank = 0, lease_token = %(token)s, claim_count = claim_count + 1,
        due_at = now() + make_interval(secs => %(lease_s)s)
    FROM locked
    WHERE job.ctid = locked.place
    RETURNING
        job.event_id, job.team_id, job.request_id, job.source_id, job.connection_id, job.destination_id,
        job.attempt_number, job.retry_number, job.trigger, job.claim_count, job.body_size, job.has_payload,
        job.batch_operation_id,
        locked.is_bulk, greatest(0, extract(epoch FROM locked.slot_at - now())) AS wait_s, locked.slot_s AS pace_s
)
SELECT
    (SELECT version FROM teams_configversion WHERE id = 1),
    (SELECT destination_id FROM scan WHERE number = %(destinations)s),
    claimed.*,
    CASE WHEN claimed.has_payload THEN payload.method ELSE request.method END,
    CASE WHEN claimed.has_payload THEN payload.path ELSE request.path END,
    CASE WHEN claimed.has_payload THEN payload.query ELSE request.query END,
    CASE WHEN claimed.has_payload THEN payload.headers ELSE request.headers END,
    CASE WHEN claimed.has_payload THEN payload.body ELSE request.body END
FROM (VALUES (1)) AS always (row)
LEFT JOIN claimed ON true
LEFT JOIN requests AS request ON request.id = claimed.request_id AND NOT claimed.has_payload
LEFT JOIN event_payloads AS payload ON payload.id = claimed.event_id AND claimed.has_payload
ORDER BY claimed.wait_s, claimed.event_id

-- :name release_jobs
-- Gives claimed jobs back untried: a worker that stops had no time for them. Those of cancelled events end.
WITH own AS MATERIALIZED (
    SELECT job.event_id, job.cancelled FROM delivery_job AS job
    JOIN unnest(%(event_id)s::text[], %(lease_token)s::uuid[]) AS held (event_id, lease_token)
        ON job.event_id = held.event_id AND job.lease_token = held.lease_token
    WHERE job.event_id = ANY(%(event_id)s)
    ORDER BY job.event_id
    FOR UPDATE OF job
), ended AS (
    DELETE FROM delivery_job WHERE event_id = ANY(ARRAY(SELECT event_id FROM own WHERE cancelled))
)
UPDATE delivery_job AS job
SET rank = CASE
        WHEN job.trigger = 'BULK_RETRY' OR (job.trigger = 'INITIAL' AND job.batch_operation_id IS NOT NULL) THEN 3
        WHEN job.trigger IN ('INITIAL', 'UNPAUSE') THEN 1
        ELSE 2
    END,
    due_at = now(), claim_count = greatest(0, job.claim_count - 1), lease_token = NULL
FROM own
WHERE job.event_id = own.event_id AND NOT own.cancelled AND job.event_id = ANY(ARRAY(SELECT event_id FROM own))
