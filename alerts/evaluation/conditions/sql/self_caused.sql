-- The statements of alerts/evaluation/conditions/self_caused.py: of what failed, waits or was rejected, how much are notifications of
-- this installation's own. A request bears the id of one in x-fasthook-alert; an invented id is no notification's.

-- :name sent_lately
SELECT EXISTS (SELECT FROM alerts_notification WHERE id >= %(since)s AND channel_type <> 'EMAIL')

-- :name of_connections
SELECT asked.place, count(*)
FROM unnest(%(teams)s::text[], %(ids)s::text[], %(since)s::text[]) WITH ORDINALITY AS asked (team_id, id, since, place)
CROSS JOIN LATERAL (
    SELECT attempt.event_id FROM attempts AS attempt
    WHERE attempt.team_id = asked.team_id AND attempt.connection_id = asked.id AND attempt.status = 'FAILED'
        AND attempt.id >= asked.since AND attempt.id < %(to)s
    ORDER BY attempt.id DESC LIMIT %(most)s
) AS failed
JOIN events AS event ON event.id = failed.event_id
JOIN requests AS request ON request.id = event.request_id
JOIN alerts_notification AS own
    ON own.id = jsonb_path_query_first(
        request.headers, 'strict $[*] ? (@[0] == "x-fasthook-alert")[1]', '{}', true
    ) #>> '{}'
GROUP BY asked.place

-- :name of_destinations
SELECT asked.place, count(own.id), min(waiting.due_at) FILTER (WHERE own.id IS NULL)
FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS asked (id, place)
CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint)) AS ranks (rank)
CROSS JOIN LATERAL (
    SELECT job.request_id, CASE WHEN job.due_at <= %(now)s THEN job.due_at END AS due_at FROM delivery_job AS job
    WHERE job.destination_id = asked.id AND job.rank = ranks.rank AND (job.rank = 0 OR job.due_at <= %(now)s)
    ORDER BY job.due_at LIMIT %(most)s
) AS waiting
JOIN requests AS request ON request.id = waiting.request_id
LEFT JOIN alerts_notification AS own
    ON own.id = jsonb_path_query_first(
        request.headers, 'strict $[*] ? (@[0] == "x-fasthook-alert")[1]', '{}', true
    ) #>> '{}'
GROUP BY asked.place

-- :name of_sources
SELECT asked.place, count(*)
FROM unnest(%(teams)s::text[], %(ids)s::text[], %(since)s::text[]) WITH ORDINALITY AS asked (team_id, id, since, place)
CROSS JOIN unnest(%(causes)s::text[]) AS cause
CROSS JOIN LATERAL (
    SELECT rejected.headers FROM requests AS rejected
    WHERE rejected.team_id = asked.team_id AND rejected.source_id = asked.id AND rejected.status = 'rejected'
        AND rejected.rejection_cause = cause AND rejected.id >= asked.since AND rejected.id < %(to)s
    ORDER BY rejected.id DESC LIMIT %(most)s
) AS request
JOIN alerts_notification AS own
    ON own.id = jsonb_path_query_first(
        request.headers, 'strict $[*] ? (@[0] == "x-fasthook-alert")[1]', '{}', true
    ) #>> '{}'
GROUP BY asked.place
