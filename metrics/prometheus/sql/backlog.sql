-- The statement of metrics/prometheus/backlog.py. Placeholders are psycopg's.

-- :name sample_backlog
-- What waits in each stage and since when it has been due. Bounded whatever the tables hold: rows are counted up to a
-- limit (beyond it, the planner's estimate), and delivery's queues are visited up to another, each by four index probes.
WITH RECURSIVE queue (destination_id, number) AS (
    (SELECT destination_id, 1 FROM delivery_job ORDER BY destination_id LIMIT 1)
    UNION ALL
    SELECT following.destination_id, queue.number + 1
    FROM queue CROSS JOIN LATERAL (
        SELECT job.destination_id FROM delivery_job AS job
        WHERE job.destination_id > queue.destination_id ORDER BY job.destination_id LIMIT 1
    ) AS following
    WHERE queue.number < %(queues)s
), oldest AS (
    SELECT queue.destination_id, min(job.due_at) AS due_at
    FROM queue
    CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint), (4::smallint)) AS ranks (rank)
    CROSS JOIN LATERAL (
        SELECT waiting.due_at FROM delivery_job AS waiting
        WHERE waiting.destination_id = queue.destination_id AND waiting.rank = ranks.rank
        ORDER BY waiting.due_at LIMIT 1
    ) AS job
    GROUP BY queue.destination_id
), delivery AS (
    SELECT min(due_at) AS due_at, count(*) AS destinations,
        count(*) FILTER (WHERE due_at < now() - make_interval(secs => %(late_s)s)) AS late
    FROM oldest
), marked AS (
    SELECT reconcile_requested_at FROM connections_connection WHERE reconcile_requested_at IS NOT NULL
    UNION ALL
    SELECT reconcile_requested_at FROM destinations_destination WHERE reconcile_requested_at IS NOT NULL
), counted AS (
    SELECT 'route_job'::regclass AS name, count(*) FROM (SELECT FROM route_job LIMIT %(rows)s + 1) AS bounded
    UNION ALL
    SELECT 'delivery_job'::regclass, count(*) FROM (SELECT FROM delivery_job LIMIT %(rows)s + 1) AS bounded
), jobs AS (
    SELECT counted.name,
        CASE WHEN count > %(rows)s THEN greatest(count, pg_class.reltuples::bigint) ELSE count END AS jobs
    FROM counted JOIN pg_class ON pg_class.oid = counted.name
), stage (stage, jobs, due_at) AS (
    SELECT 'route', (SELECT jobs FROM jobs WHERE name = 'route_job'::regclass), (
        SELECT min(due_at) FROM (VALUES (false), (true)) AS queues (slow)
        CROSS JOIN LATERAL (
            SELECT due_at FROM route_job AS job WHERE job.slow = queues.slow ORDER BY job.due_at LIMIT 1
        ) AS oldest_of_lane
    )
    UNION ALL
    SELECT 'deliver', (SELECT jobs FROM jobs WHERE name = 'delivery_job'::regclass), (SELECT due_at FROM delivery)
    UNION ALL
    SELECT 'settle', (SELECT count(*) FROM marked), (SELECT min(reconcile_requested_at) FROM marked)
)
SELECT stage, jobs, greatest(0, coalesce(extract(epoch FROM now() - due_at), 0))::float8 AS oldest_due_s,
    (SELECT destinations FROM delivery), (SELECT late FROM delivery)
FROM stage
