-- The statements of events/delivery/leases.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name renew_job_leases
-- A worker that lives keeps the deliveries that take long; those of one that died fall due soon. Locked in the order in
-- which everybody locks jobs.
WITH own AS MATERIALIZED (
    SELECT job.event_id FROM delivery_job AS job
    JOIN unnest(%(event_id)s::text[], %(lease_token)s::uuid[]) AS held (event_id, lease_token)
        ON job.event_id = held.event_id AND job.lease_token = held.lease_token
    WHERE job.event_id = ANY(%(event_id)s)
    ORDER BY job.event_id
    FOR UPDATE OF job
)
UPDATE delivery_job SET due_at = now() + make_interval(secs => %(lease_s)s)
WHERE event_id = ANY(ARRAY(SELECT event_id FROM own))

-- :name renew_destination_leases
-- Keeps the queues that have deliveries in flight, whether or not anything more is due on them.
WITH own AS MATERIALIZED (
    SELECT destination_id FROM destination_lease
    WHERE owner = %(worker)s AND destination_id = ANY(%(destination_ids)s)
    ORDER BY destination_id
    FOR UPDATE
)
UPDATE destination_lease AS queue
SET owned_until = now() + make_interval(secs => %(destination_lease_s)s)
FROM own
WHERE queue.destination_id = own.destination_id

-- :name release_destination_leases
-- Lets other workers serve the queues of this one, but for those it names.
WITH own AS MATERIALIZED (
    SELECT destination_id FROM destination_lease
    WHERE owner = %(worker)s AND NOT destination_id = ANY(%(kept)s)
    ORDER BY destination_id
    FOR UPDATE
)
UPDATE destination_lease AS queue SET owner = NULL
FROM own
WHERE queue.destination_id = own.destination_id
