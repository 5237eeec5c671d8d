-- The statements of events/evaluation.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name read_payloads
-- What rules look at, for the claimed requests whose connections have rules.
SELECT id, method, path, query, headers, body FROM requests WHERE id = ANY(%(ids)s)

-- :name read_deduplication_keys
-- The windows as they look now, to spare transformations of what will turn out to be a duplicate.
SELECT window_key.connection_id, window_key.key, window_key.request_id, window_key.expires_at
FROM deduplication_key AS window_key
JOIN unnest(%(connection_ids)s::text[], %(keys)s::bytea[]) AS wanted (connection_id, key) USING (connection_id, key)
