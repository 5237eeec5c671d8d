-- Events that are queued again or cancelled by an operator, one by one or by a bulk operation, which their attempts name.

ALTER TABLE attempts ADD COLUMN batch_operation_id text COLLATE "C";
ALTER TABLE delivery_job ADD COLUMN batch_operation_id text COLLATE "C";
-- Its event was cancelled while it was leased: the attempt is let finish, and leaves evidence only.
ALTER TABLE delivery_job ADD COLUMN cancelled boolean NOT NULL DEFAULT false;

-- Rank 4 waits for its rules to be run again. Routing takes it, and leases it without changing its rank.
ALTER TABLE delivery_job DROP CONSTRAINT delivery_job_rank_check, DROP CONSTRAINT delivery_job_check;
ALTER TABLE delivery_job
    ADD CONSTRAINT delivery_job_rank_check CHECK (rank BETWEEN 0 AND 4),
    ADD CONSTRAINT delivery_job_check CHECK (rank = 4 OR (rank = 0) = (lease_token IS NOT NULL)),
    ADD CONSTRAINT delivery_job_cancelled_check CHECK (NOT cancelled OR rank = 0);
CREATE INDEX delivery_job_rules ON delivery_job (due_at) WHERE rank = 4;

-- Requests that a bulk operation accepts again hand its id on to their events, whose deliveries then go behind live ones.
ALTER TABLE route_job ADD COLUMN batch_operation_id text COLLATE "C";

CREATE OR REPLACE FUNCTION make_route_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO route_job (request_id, source_id, body_size, due_at, batch_operation_id)
    SELECT id, source_id, coalesce(octet_length(body), 0), ingested_at, batch_operation_id
    FROM captured
    WHERE status = 'accepted' AND NOT handshake
    -- A release that still writes the jobs itself may run beside this one.
    ON CONFLICT (request_id) DO NOTHING;
    RETURN NULL;
END
$$;
