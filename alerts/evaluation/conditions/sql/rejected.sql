-- The statements of alerts/evaluation/conditions/rejected.py.

-- :name windows
SELECT DISTINCT window_s FROM alerts_rule
WHERE type = 'REJECTED_REQUESTS' AND disabled_at IS NULL AND deleted_at IS NULL ORDER BY window_s

-- :name rejecting_sources
-- Cause by cause, as the index over what was turned away has them; and what was counted instead of stored, which only
-- sources have that filled their minute's evidence.
WITH rule AS MATERIALIZED (
    SELECT id, team_id, window_s, scope, coalesce(resolve_threshold, threshold * %(share)s) AS resolves_below
    FROM alerts_rule WHERE type = 'REJECTED_REQUESTS' AND disabled_at IS NULL AND deleted_at IS NULL
), span AS MATERIALIZED (
    SELECT DISTINCT rule.team_id, rule.window_s, bound.since
    FROM rule JOIN unnest(%(windows_s)s::integer[], %(since)s::text[]) AS bound (window_s, since) USING (window_s)
), stored AS MATERIALIZED (
    SELECT span.team_id, span.window_s, span.since, found.source_id, count(*) AS number
    FROM span CROSS JOIN unnest(%(causes)s::text[]) AS cause
    CROSS JOIN LATERAL (
        SELECT request.source_id FROM requests AS request
        WHERE request.team_id = span.team_id AND request.status = 'rejected' AND request.rejection_cause = cause
            AND request.id >= span.since AND request.id >= %(from)s AND request.id < %(to)s
        ORDER BY request.id DESC LIMIT %(most)s
    ) AS found
    GROUP BY span.team_id, span.window_s, span.since, found.source_id
), rejected AS MATERIALIZED (
    SELECT stored.team_id, stored.window_s, stored.since, stored.source_id,
        stored.number + coalesce(discarded.number, 0) AS number
    FROM stored CROSS JOIN LATERAL (
        SELECT sum(counted.count)::bigint AS number FROM discarded_requests AS counted
        WHERE counted.source_id = stored.source_id
            AND counted.minute > %(now)s::timestamptz - make_interval(secs => stored.window_s)
            AND counted.rejection_cause = ANY(%(causes)s)
    ) AS discarded
)
SELECT rule.id, source.id, source.name, rejected.team_id, rejected.since, rejected.number, rule.resolves_below
FROM rule
JOIN rejected USING (team_id, window_s)
JOIN sources_source AS source
    ON source.id = rejected.source_id AND source.team_id = rule.team_id AND source.deleted_at IS NULL
WHERE (rule.scope IS NULL OR source.id = ANY(rule.scope)) AND rejected.number >= rule.resolves_below
