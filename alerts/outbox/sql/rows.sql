-- The statements of alerts/outbox/rows.py.

-- :name claim
-- Due notifications that no earlier one of the same rule and channel stands before, as many of a channel as its share
-- has room for. The channel's row is locked for that, passing over one that somebody holds. What is due after `never`,
-- and slots given out beyond it, were written under a clock that has been set right since.
WITH due AS MATERIALIZED (
    SELECT waiting.id, waiting.channel_id,
        row_number() OVER (PARTITION BY waiting.channel_id ORDER BY waiting.id) AS place
    FROM alerts_notification AS waiting
    WHERE waiting.status = 'PENDING' AND (waiting.due_at <= %(now)s OR waiting.due_at > %(never)s) AND NOT EXISTS (
        SELECT FROM alerts_notification AS earlier
        WHERE earlier.status = 'PENDING' AND earlier.channel_id = waiting.channel_id
            AND earlier.rule_id = waiting.rule_id AND earlier.id < waiting.id
    )
), channel AS MATERIALIZED (
    SELECT id, type, config,
        greatest(%(now)s::timestamptz, CASE WHEN next_slot_at <= %(never)s THEN next_slot_at END) AS next_slot_at,
        disabled_at IS NULL AND deleted_at IS NULL AS usable FROM alerts_channel
    WHERE id IN (SELECT channel_id FROM due) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), chosen AS MATERIALIZED (
    SELECT due.id, due.channel_id, channel.type FROM due JOIN channel ON channel.id = due.channel_id
    WHERE due.place * %(slot_s)s::integer <= extract(
        epoch FROM %(now)s::timestamptz - channel.next_slot_at
    ) + %(burst)s::integer * %(slot_s)s::integer
    ORDER BY due.id LIMIT %(limit)s
), taken AS (
    UPDATE alerts_notification AS notification
    -- In the form that its channel has now.
    SET due_at = %(lease_until)s, lease_token = %(token)s, attempts = notification.attempts + 1,
        channel_type = chosen.type
    FROM chosen
    WHERE notification.id = chosen.id AND notification.status = 'PENDING'
        AND (notification.due_at <= %(now)s OR notification.due_at > %(never)s)
    RETURNING notification.*
), slots AS (
    UPDATE alerts_channel AS given
    SET next_slot_at = channel.next_slot_at + make_interval(secs => used.number * %(slot_s)s::integer)
    FROM (SELECT channel_id, count(*) AS number FROM taken GROUP BY channel_id) AS used
    JOIN channel ON channel.id = used.channel_id
    WHERE given.id = used.channel_id
)
SELECT taken.id, taken.team_id, taken.channel_type, taken.message, taken.attempts, channel.config, channel.usable
FROM taken JOIN channel ON channel.id = taken.channel_id
ORDER BY taken.id

-- :name finish
UPDATE alerts_notification
SET status = %(status)s, due_at = %(due_at)s, lease_token = NULL, last_attempt_at = %(now)s, sent_at = %(sent_at)s,
    response_status = %(response_status)s, response_body = %(response_body)s, error_code = %(error_code)s,
    error_message = %(error_message)s
WHERE id = %(id)s AND lease_token = %(token)s
