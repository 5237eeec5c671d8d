-- The statements of alerts/evaluation/conditions/failure_rate.py.

-- :name windows
SELECT DISTINCT window_s FROM alerts_rule
WHERE type = 'FAILURE_RATE' AND disabled_at IS NULL AND deleted_at IS NULL ORDER BY window_s

-- :name failing_connections
-- Begins with what failed, which is rare, and then counts a connection's attempts only as far as could make a
-- difference: where more than that succeed the rate is below the threshold. So healthy traffic costs next to nothing,
-- however much there is. A team that fails more than `most` times in the window is judged by the last `most`.
WITH rule AS MATERIALIZED (
    SELECT id, team_id, window_s, scope,
        greatest(coalesce(resolve_threshold, threshold * %(share)s), %(least)s) AS resolves_below
    FROM alerts_rule WHERE type = 'FAILURE_RATE' AND disabled_at IS NULL AND deleted_at IS NULL
), span AS MATERIALIZED (
    SELECT DISTINCT rule.team_id, rule.window_s, bound.attempts_since, bound.events_since
    FROM rule JOIN unnest(%(windows_s)s::integer[], %(attempts_since)s::text[], %(events_since)s::text[])
        AS bound (window_s, attempts_since, events_since) USING (window_s)
), failed AS MATERIALIZED (
    SELECT span.team_id, span.window_s, found.id, found.connection_id
    FROM span CROSS JOIN LATERAL (
        SELECT attempt.id, attempt.connection_id FROM attempts AS attempt
        WHERE attempt.team_id = span.team_id AND attempt.status = 'FAILED' AND attempt.id >= span.attempts_since
            AND attempt.id >= %(attempts_from)s AND attempt.id < %(attempts_to)s
        ORDER BY attempt.id DESC LIMIT %(most)s
    ) AS found
), reach AS MATERIALIZED (
    SELECT span.team_id, span.window_s,
        CASE WHEN count(failed.id) < %(most)s THEN span.attempts_since ELSE min(failed.id) END AS since
    FROM span LEFT JOIN failed USING (team_id, window_s)
    GROUP BY span.team_id, span.window_s, span.attempts_since
), failing AS (
    -- What failed without an attempt: its transformation did.
    SELECT span.team_id, span.window_s, found.connection_id, 0 AS tried, count(*) AS untried
    FROM span CROSS JOIN LATERAL (
        SELECT event.connection_id, event.attempts FROM events AS event
        WHERE event.team_id = span.team_id AND event.status = 'FAILED' AND event.ignored_meta IS NULL
            AND event.id >= span.events_since AND event.id >= %(events_from)s AND event.id < %(events_to)s
        ORDER BY event.id DESC LIMIT %(most)s
    ) AS found
    WHERE found.attempts = 0
    GROUP BY span.team_id, span.window_s, found.connection_id
    UNION ALL
    SELECT team_id, window_s, connection_id, count(*), 0 FROM failed GROUP BY team_id, window_s, connection_id
), tally AS MATERIALIZED (
    SELECT team_id, window_s, connection_id, sum(tried)::bigint AS tried, sum(untried)::bigint AS untried
    FROM failing GROUP BY team_id, window_s, connection_id
)
SELECT rule.id, connection.id, connection.name, rule.team_id, rule.window_s, reach.since,
    tally.tried + tally.untried AS failed, attempted.number + tally.untried AS number, rule.resolves_below
FROM rule
JOIN tally USING (team_id, window_s)
JOIN reach USING (team_id, window_s)
JOIN connections_connection AS connection
    ON connection.id = tally.connection_id AND connection.team_id = rule.team_id AND connection.deleted_at IS NULL
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM attempts AS attempt
        WHERE attempt.connection_id = connection.id AND attempt.id >= reach.since
            AND attempt.id >= %(attempts_from)s AND attempt.id < %(attempts_to)s
        LIMIT floor((tally.tried + tally.untried) * 100 / rule.resolves_below)::bigint + 1
    ) AS bounded
) AS attempted
WHERE (rule.scope IS NULL OR connection.id = ANY(rule.scope))
    AND (tally.tried + tally.untried) * 100 >= rule.resolves_below * (attempted.number + tally.untried)
