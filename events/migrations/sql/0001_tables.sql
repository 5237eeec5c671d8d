-- Evidence: partitioned by day on the id, which begins with its time. Partitions: events/storage/partitions.py.

CREATE TABLE requests (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('accepted', 'rejected')),
    rejection_cause text CHECK ((status = 'rejected') = (rejection_cause IS NOT NULL)),
    verified boolean NOT NULL,
    handshake boolean NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    headers jsonb NOT NULL,
    body bytea,
    client_ip text NOT NULL,
    retry_parent_request_id text COLLATE "C",
    batch_operation_id text COLLATE "C",
    created_at timestamptz NOT NULL,
    ingested_at timestamptz NOT NULL
) PARTITION BY RANGE (id);

-- Readers: the team's list, and its range of time.
CREATE INDEX requests_team ON requests (team_id, id);
-- Readers: the list of one source; latest input; the last request of a deduplication window.
CREATE INDEX requests_source ON requests (source_id, id);
-- Readers: the list of what was turned away, which is rare among the accepted.
CREATE INDEX requests_rejected ON requests (team_id, id) WHERE status = 'rejected';

CREATE TABLE events (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('SCHEDULED', 'QUEUED', 'HOLD', 'SUCCESSFUL', 'FAILED', 'CANCELLED')),
    attempts integer NOT NULL CHECK (attempts >= 0),
    response_status integer,
    error_code text,
    failure_message text,
    ignored_cause text CHECK (ignored_cause IS NULL OR status = 'CANCELLED'),
    ignored_meta jsonb,
    next_attempt_at timestamptz CHECK (next_attempt_at IS NULL OR status IN ('SCHEDULED', 'QUEUED', 'FAILED')),
    last_attempt_at timestamptz,
    successful_at timestamptz CHECK (successful_at IS NOT NULL OR status <> 'SUCCESSFUL'),
    batch_operation_id text COLLATE "C",
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
) PARTITION BY RANGE (id);

-- Readers: the branches of a request, its counts.
CREATE INDEX events_request ON events (request_id, id);
-- Readers: the team's list.
CREATE INDEX events_team ON events (team_id, id);
-- Readers: the list of one connection (and of a source, by its connections).
CREATE INDEX events_connection ON events (connection_id, id);
-- Readers: the list of one destination.
CREATE INDEX events_destination ON events (destination_id, id);
-- Readers: settling and the list of held events; what failed, which is rare among the successful.
CREATE INDEX events_held ON events (connection_id, id) WHERE status = 'HOLD';
CREATE INDEX events_failed ON events (team_id, id) WHERE status = 'FAILED';

CREATE TABLE attempts (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    attempt_number integer NOT NULL CHECK (attempt_number > 0),
    trigger text NOT NULL CHECK (trigger IN ('INITIAL', 'AUTOMATIC', 'MANUAL', 'BULK_RETRY', 'UNPAUSE')),
    status text NOT NULL CHECK (status IN ('SUCCESSFUL', 'FAILED')),
    response_status integer,
    error_code text,
    error_message text,
    requested_url text NOT NULL,
    http_method text NOT NULL,
    request_headers jsonb NOT NULL,
    response_headers jsonb,
    body text,
    latency integer NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz
) PARTITION BY RANGE (id);

-- Readers: the attempts of an event.
CREATE INDEX attempts_event ON attempts (event_id, id);
-- Readers: the team's list, and those of one connection and one destination.
CREATE INDEX attempts_team ON attempts (team_id, id);
CREATE INDEX attempts_connection ON attempts (connection_id, id);
CREATE INDEX attempts_destination ON attempts (destination_id, id);

-- Work: small, hot, deleted when done. Vacuumed early, since claims read what vacuum leaves.

CREATE TABLE route_job (
    request_id text COLLATE "C" PRIMARY KEY,
    source_id text COLLATE "C" NOT NULL,
    body_size integer NOT NULL,
    due_at timestamptz NOT NULL,
    tries smallint NOT NULL DEFAULT 0,
    lease_token uuid
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX route_job_due ON route_job (due_at);

CREATE TABLE delivery_job (
    event_id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    rank smallint NOT NULL CHECK (rank BETWEEN 0 AND 3),
    due_at timestamptz NOT NULL,
    attempt_number integer NOT NULL,
    retry_number integer NOT NULL DEFAULT 0,
    trigger text NOT NULL,
    body_size integer NOT NULL,
    tries smallint NOT NULL DEFAULT 0,
    lease_token uuid,
    -- Rank 0 says "leased", so that one index serves both the claim and the count of what is in flight.
    CHECK ((rank = 0) = (lease_token IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX delivery_job_lane ON delivery_job (destination_id, rank, due_at);

CREATE TABLE delivery_lane (
    destination_id text COLLATE "C" PRIMARY KEY,
    owner uuid,
    owned_until timestamptz NOT NULL,
    last_slot_at timestamptz NOT NULL
);

-- Readers: a worker that keeps or gives up its own lanes.
CREATE INDEX delivery_lane_owner ON delivery_lane (owner);

CREATE TABLE deduplication_key (
    connection_id text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, key)
);

CREATE INDEX deduplication_key_expiry ON deduplication_key (expires_at);

CREATE TABLE discarded_requests (
    team_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    minute timestamptz NOT NULL,
    rejection_cause text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (source_id, minute, rejection_cause)
);
