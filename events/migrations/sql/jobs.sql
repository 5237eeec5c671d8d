-- Work that waits: small, hot, deleted when done. Vacuumed early, since claims read what vacuum leaves.

-- An accepted request that is not routed yet. Written by the trigger of requests.

CREATE TABLE route_job (
    request_id text COLLATE "C" PRIMARY KEY,
    source_id text COLLATE "C" NOT NULL,
    body_size integer NOT NULL,
    -- Also the end of the lease of the worker that claimed it.
    due_at timestamptz NOT NULL,
    claim_count smallint NOT NULL DEFAULT 0,
    lease_token uuid,
    -- Requests whose transformations take long wait in a queue of their own, so that the others need not wait for them.
    slow boolean NOT NULL DEFAULT false,
    -- The bulk operation that accepted the request again; its events' deliveries go behind live ones.
    batch_operation_id text COLLATE "C"
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Readers: routing's claim, for what is due in a queue, oldest first; the tick.
CREATE INDEX route_job_due ON route_job (slow, due_at);

-- Readers: bulk operations, for whether what they accepted is routed.
CREATE INDEX route_job_batch ON route_job (batch_operation_id) WHERE batch_operation_id IS NOT NULL;

-- An event that waits for an attempt, or is in flight.

CREATE TABLE delivery_job (
    event_id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    rank smallint NOT NULL CONSTRAINT delivery_job_rank_is_known CHECK (rank BETWEEN 0 AND 4),
    -- Also the end of its lease.
    due_at timestamptz NOT NULL,
    attempt_number integer NOT NULL,
    retry_number integer NOT NULL DEFAULT 0,
    trigger text NOT NULL,
    body_size integer NOT NULL,
    has_payload boolean NOT NULL DEFAULT false,
    claim_count smallint NOT NULL DEFAULT 0,
    lease_token uuid,
    batch_operation_id text COLLATE "C",
    -- Its event was cancelled while it was leased: the attempt is let finish, and leaves evidence only.
    cancelled boolean NOT NULL DEFAULT false,
    -- Rank 0 says "leased", so that one index serves both the claim and the count of what is in flight. Rank 4 waits
    -- for its rules to be run again: routing takes it, and leases it without changing its rank.
    CONSTRAINT delivery_job_leased_has_token CHECK (rank = 4 OR (rank = 0) = (lease_token IS NOT NULL)),
    CONSTRAINT delivery_job_cancelled_is_leased CHECK (NOT cancelled OR rank = 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Readers: delivery's claim, for what is leased of a destination and then what is due, in order of rank; counts of what
-- waits, alerts on it; reconciliation.
CREATE INDEX delivery_job_queue ON delivery_job (destination_id, rank, due_at);

-- Readers: routing and the tick, for whose rules are to be run again.
CREATE INDEX delivery_job_rules ON delivery_job (due_at) WHERE rank = 4;

-- Readers: bulk operations, for how much of theirs waits or is in flight, and to withdraw what waits.
CREATE INDEX delivery_job_batch ON delivery_job (batch_operation_id, rank) WHERE batch_operation_id IS NOT NULL;

-- Which worker serves a destination just now, and how far the slots of its rate are given out.

CREATE TABLE destination_lease (
    destination_id text COLLATE "C" PRIMARY KEY,
    owner uuid,
    owned_until timestamptz NOT NULL,
    last_slot_at timestamptz NOT NULL
);

-- Readers: a worker that keeps or gives up its own leases.
CREATE INDEX destination_lease_owner ON destination_lease (owner);

-- The first request of a deduplication window. The key covers the rule as well, so that a changed rule starts afresh.

CREATE TABLE deduplication_key (
    connection_id text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, key)
);

-- Readers: maintenance, for which windows are over.
CREATE INDEX deduplication_key_expiry ON deduplication_key (expires_at);

-- Rejected requests beyond the evidence kept per source and minute: counted, not stored.

CREATE TABLE discarded_requests (
    team_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    minute timestamptz NOT NULL,
    rejection_cause text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (source_id, minute, rejection_cause)
);
