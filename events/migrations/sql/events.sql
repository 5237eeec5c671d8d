-- Events: one row a branch of a request, and what its payload is where a transformation changed it. Partitioned by day
-- on the id, and dropped together. How indexes of evidence are made: requests.sql.

CREATE TABLE events (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    status text NOT NULL CONSTRAINT events_status_is_known
        CHECK (status IN ('SCHEDULED', 'QUEUED', 'HOLD', 'SUCCESSFUL', 'FAILED', 'CANCELLED')),
    attempts integer NOT NULL CONSTRAINT events_attempts_not_negative CHECK (attempts >= 0),
    response_status integer,
    error_code text,
    failure_message text,
    ignored_cause text,
    ignored_meta jsonb,
    next_attempt_at timestamptz,
    last_attempt_at timestamptz,
    successful_at timestamptz,
    -- The bulk operation that queued it last: evidence, which a retry by hand leaves as it is.
    batch_operation_id text COLLATE "C",
    -- Without it the payload is the request's, and event_payloads is not read.
    has_payload boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT events_ignored_is_cancelled CHECK (ignored_cause IS NULL OR status = 'CANCELLED'),
    -- FAILED with a next attempt is a retry that is planned.
    CONSTRAINT events_next_attempt_only_while_waiting
        CHECK (next_attempt_at IS NULL OR status IN ('SCHEDULED', 'QUEUED', 'FAILED')),
    CONSTRAINT events_successful_has_time CHECK (successful_at IS NOT NULL OR status <> 'SUCCESSFUL')
) PARTITION BY RANGE (id);

-- Readers: the team's list.
CREATE INDEX events_team ON events (team_id, id);

-- Readers: the branches of a request, its counts.
CREATE INDEX events_request ON events (request_id, id);

-- Readers: the list of one connection (and of a source, by its connections).
CREATE INDEX events_connection ON events (connection_id, id);

-- Readers: the list of one destination.
CREATE INDEX events_destination ON events (destination_id, id);

-- Readers: reconciliation, and the list of held events.
CREATE INDEX events_held ON events (connection_id, id) WHERE status = 'HOLD';

-- Readers: lists of what failed or was cancelled as a delivery; alerts on failure rates. Ignored branches have a meta
-- and are not in it.
CREATE INDEX events_undelivered ON events (team_id, status, id, connection_id, destination_id)
WHERE status IN ('FAILED', 'CANCELLED') AND ignored_meta IS NULL;

-- Readers: lists by error_code. The meta is in the predicate so that counts need not look at the rows.
CREATE INDEX events_error ON events (team_id, error_code, id, connection_id, destination_id)
WHERE error_code IS NOT NULL AND ignored_meta IS NULL;

-- Readers: lists by a response_status other than the usual one.
CREATE INDEX events_response ON events (team_id, response_status, id, connection_id, destination_id)
WHERE response_status <> 200 AND ignored_meta IS NULL;

-- Readers: lists by ignored_cause.
CREATE INDEX events_ignored ON events (team_id, ignored_cause, id, connection_id, destination_id)
WHERE ignored_cause IS NOT NULL;

-- Readers: lists of one bulk operation's events.
CREATE INDEX events_batch ON events (batch_operation_id, id) WHERE batch_operation_id IS NOT NULL;

-- What a transformation made of a request, for the events that say has_payload. The id is the event's.

CREATE TABLE event_payloads (
    id text COLLATE "C" PRIMARY KEY,
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL
) PARTITION BY RANGE (id);
