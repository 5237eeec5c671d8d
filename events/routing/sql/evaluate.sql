-- The statements of events/routing/evaluate.py. Placeholders are psycopg's; `load_statements` finds them by name.

-- :name read_payloads
-- What rules look at, for the claimed requests whose connections have rules.
SELECT id, method, path, query, headers, body FROM requests WHERE id = ANY(%(ids)s)
