-- The statements of events/routing/dedup.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name read_deduplication_keys
-- The windows as they look now, to spare transformations of what will turn out to be a duplicate.
SELECT window_key.connection_id, window_key.key, window_key.request_id, window_key.expires_at
FROM deduplication_key AS window_key
JOIN unnest(%(connection_ids)s::text[], %(keys)s::bytea[]) AS wanted (connection_id, key) USING (connection_id, key)

-- :name take_deduplication_keys
-- Locks and reads the windows, in one step, so that none is deleted in between; what is new begins as a window that is
-- long over. In key order, so that two workers cannot wait for each other.
INSERT INTO deduplication_key AS window_key (connection_id, key, request_id, expires_at)
SELECT connection_id, key, '', 'epoch'
FROM unnest(%(connection_ids)s::text[], %(keys)s::bytea[]) AS wanted (connection_id, key)
ORDER BY connection_id COLLATE "C", key
ON CONFLICT (connection_id, key) DO UPDATE SET request_id = window_key.request_id
RETURNING connection_id, key, request_id, expires_at

-- :name save_deduplication_keys
UPDATE deduplication_key AS window_key
SET request_id = saved.request_id, expires_at = saved.expires_at
FROM unnest(%(connection_ids)s::text[], %(keys)s::bytea[], %(request_ids)s::text[], %(expiries)s::timestamptz[])
    AS saved (connection_id, key, request_id, expires_at)
WHERE window_key.connection_id = saved.connection_id AND window_key.key = saved.key
