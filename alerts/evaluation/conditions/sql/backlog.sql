-- The statement of alerts/evaluation/conditions/backlog.py.

-- :name waiting_destinations
-- What waits is what is due, or in flight as well where it is counted: as /metrics/queue has it. Counting stops `beyond`
-- the highest threshold of the rules; a destination where nothing is due costs four probes of the claims' index. What is in
-- flight falls due when its lease runs out: its worker died, and nobody has taken it since.
WITH rule AS MATERIALIZED (
    SELECT id, team_id, type, scope, threshold, coalesce(resolve_threshold, threshold * %(share)s) AS resolves_below
    FROM alerts_rule WHERE type IN ('BACKLOG', 'BACKLOG_AGE') AND disabled_at IS NULL AND deleted_at IS NULL
), watched AS MATERIALIZED (
    SELECT destination.id, destination.name,
        coalesce(max(rule.threshold) FILTER (WHERE rule.type = 'BACKLOG'), 0)::bigint + %(beyond)s AS at_most
    FROM rule JOIN destinations_destination AS destination
        ON destination.team_id = rule.team_id AND destination.deleted_at IS NULL
        AND (rule.scope IS NULL OR destination.id = ANY(rule.scope))
    GROUP BY destination.id, destination.name
), waiting AS MATERIALIZED (
    SELECT watched.id, watched.name, oldest.due_at, watched.at_most, counted.number
    FROM watched
    CROSS JOIN LATERAL (
        SELECT min(first.due_at) AS due_at
        FROM (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint)) AS ranks (rank)
        CROSS JOIN LATERAL (
            SELECT job.due_at FROM delivery_job AS job
            WHERE job.destination_id = watched.id AND job.rank = ranks.rank AND job.due_at <= %(now)s
                AND NOT job.cancelled
            ORDER BY job.due_at LIMIT 1
        ) AS first
    ) AS oldest
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM (
            SELECT FROM (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint)) AS ranks (rank)
            CROSS JOIN LATERAL (
                SELECT FROM delivery_job AS job
                WHERE job.destination_id = watched.id AND job.rank = ranks.rank
                    AND (ranks.rank = 0 OR job.due_at <= %(now)s)
            ) AS due
            WHERE oldest.due_at IS NOT NULL
            LIMIT watched.at_most
        ) AS bounded
    ) AS counted
    WHERE oldest.due_at IS NOT NULL
), measured AS (
    SELECT rule.id AS rule_id, rule.type, rule.resolves_below, waiting.*,
        CASE rule.type WHEN 'BACKLOG' THEN waiting.number::float8
            ELSE extract(epoch FROM %(now)s::timestamptz - waiting.due_at)::float8 END AS value
    FROM rule
    JOIN destinations_destination AS destination
        ON destination.team_id = rule.team_id AND destination.deleted_at IS NULL
        AND (rule.scope IS NULL OR destination.id = ANY(rule.scope))
    JOIN waiting ON waiting.id = destination.id
)
SELECT rule_id, id, name, type, value, number, number < at_most AS exact, resolves_below
FROM measured WHERE value >= resolves_below
