-- Attempts: one row a call to a receiver, partitioned by day on the id. How indexes of evidence are made: requests.sql.

CREATE TABLE attempts (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    attempt_number integer NOT NULL CONSTRAINT attempts_number_is_positive CHECK (attempt_number > 0),
    trigger text NOT NULL CONSTRAINT attempts_trigger_is_known
        CHECK (trigger IN ('INITIAL', 'AUTOMATIC', 'MANUAL', 'BULK_RETRY', 'UNPAUSE')),
    -- The bulk operation that queued it.
    batch_operation_id text COLLATE "C",
    status text NOT NULL CONSTRAINT attempts_status_is_known CHECK (status IN ('SUCCESSFUL', 'FAILED')),
    response_status integer,
    error_code text,
    error_message text,
    requested_url text NOT NULL,
    http_method text NOT NULL,
    request_headers jsonb NOT NULL,
    response_headers jsonb,
    -- Of the response, up to 16 KiB.
    body text,
    -- Milliseconds.
    latency integer NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz
) PARTITION BY RANGE (id);

-- Readers: the team's list.
CREATE INDEX attempts_team ON attempts (team_id, id);

-- Readers: the attempts of an event, in its list and in the trace.
CREATE INDEX attempts_event ON attempts (event_id, id);

-- Readers: the list of one connection; alerts on failure rates, for how many there were.
CREATE INDEX attempts_connection ON attempts (connection_id, id);

-- Readers: the list of one destination.
CREATE INDEX attempts_destination ON attempts (destination_id, id);

-- Readers: lists of failed attempts, of a team, a connection or a destination; alerts on failure rates.
CREATE INDEX attempts_failed ON attempts (team_id, id, connection_id, destination_id) WHERE status = 'FAILED';

-- Readers: lists by error_code.
CREATE INDEX attempts_error ON attempts (team_id, error_code, id, connection_id, destination_id)
WHERE status = 'FAILED';

-- Readers: lists by a response_status other than the usual one.
CREATE INDEX attempts_response ON attempts (team_id, response_status, id, connection_id, destination_id)
WHERE response_status <> 200;

-- Readers: lists by a trigger other than the usual one.
CREATE INDEX attempts_trigger ON attempts (team_id, trigger, id, connection_id, destination_id)
WHERE trigger <> 'INITIAL';

-- Readers: lists of one bulk operation's attempts, and what came of it.
CREATE INDEX attempts_batch ON attempts (batch_operation_id, id, status) WHERE batch_operation_id IS NOT NULL;
