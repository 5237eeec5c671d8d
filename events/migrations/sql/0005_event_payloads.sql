-- What a transformation made of a request, for the events whose payload differs from their request's. Partitioned like
-- the events, and dropped with them.

CREATE TABLE event_payloads (
    id text COLLATE "C" PRIMARY KEY,
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL
) PARTITION BY RANGE (id);

-- Without it the payload is the request's, and event_payloads is not read.
ALTER TABLE events ADD COLUMN has_payload boolean NOT NULL DEFAULT false;
ALTER TABLE delivery_job ADD COLUMN has_payload boolean NOT NULL DEFAULT false;

-- Requests whose transformations take long wait in a lane of their own, so that the others need not wait for them.
ALTER TABLE route_job ADD COLUMN slow boolean NOT NULL DEFAULT false;
CREATE INDEX route_job_lane ON route_job (slow, due_at);
DROP INDEX route_job_due;
