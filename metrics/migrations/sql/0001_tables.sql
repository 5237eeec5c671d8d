-- Rollups: counts of evidence by minute and by hour of its id. Beside rows for every owner (source or connection) there
-- are the team's totals, so that a question about the whole team reads few rows: with owner '*' by all keys but those of
-- owners, with owner '' by the status alone (the others are NULL). Else NULL means what it means in the evidence.
--
-- Rollups are true for what lies before metrics_rollup.counted_before, together with the rows of the _late tables: those
-- are the differences that later changes of old rows made, written by the triggers in the changes' own transactions.

CREATE TABLE metrics_rollup (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    -- Rollups hold what lies before.
    counted_before timestamptz NOT NULL,
    -- Changes of rows older than this are noted: the id, without its prefix, of the first that is not.
    late_before text COLLATE "C" NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE metrics_requests_minute (
    at timestamptz NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    status text NOT NULL,
    rejection_cause text,
    verified boolean,
    is_retry boolean,
    n bigint NOT NULL
);

CREATE TABLE metrics_events_minute (
    at timestamptz NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    status text NOT NULL,
    ignored boolean NOT NULL,
    ignored_cause text,
    error_code text,
    response_status integer,
    n bigint NOT NULL,
    tries bigint NOT NULL
);

CREATE TABLE metrics_attempts_minute (
    at timestamptz NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    status text NOT NULL,
    error_code text,
    response_status integer,
    trigger text,
    n bigint NOT NULL,
    latency_sum bigint NOT NULL,
    latency_max integer NOT NULL,
    -- The histogram: numbers of bins that are not empty, and what each holds.
    bins smallint[] NOT NULL,
    counts integer[] NOT NULL
);

CREATE TABLE metrics_requests_late (LIKE metrics_requests_minute);
CREATE TABLE metrics_events_late (LIKE metrics_events_minute);
CREATE TABLE metrics_attempts_late (LIKE metrics_attempts_minute);
ALTER TABLE metrics_attempts_late DROP COLUMN bins, DROP COLUMN counts, ADD COLUMN bin smallint NOT NULL;

-- Readers: what changed late in a team's range.
CREATE INDEX metrics_requests_late_team ON metrics_requests_late (team_id, at);
CREATE INDEX metrics_events_late_team ON metrics_events_late (team_id, at);
CREATE INDEX metrics_attempts_late_team ON metrics_attempts_late (team_id, at);

-- Readers: the team's totals, and the rows of one source or connection.
CREATE INDEX metrics_requests_minute_owner ON metrics_requests_minute (team_id, source_id, at);
CREATE INDEX metrics_events_minute_owner ON metrics_events_minute (team_id, connection_id, at);
CREATE INDEX metrics_attempts_minute_owner ON metrics_attempts_minute (team_id, connection_id, at);
-- Readers: all sources, connections or destinations of a team beside each other.
CREATE INDEX metrics_requests_minute_team ON metrics_requests_minute (team_id, at) WHERE source_id > '*';
CREATE INDEX metrics_events_minute_team ON metrics_events_minute (team_id, at) WHERE connection_id > '*';
CREATE INDEX metrics_attempts_minute_team ON metrics_attempts_minute (team_id, at) WHERE connection_id > '*';
-- Readers: retention, and counting a stretch anew, which ask for all teams of a time.
CREATE INDEX metrics_requests_minute_at ON metrics_requests_minute USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_events_minute_at ON metrics_events_minute USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_attempts_minute_at ON metrics_attempts_minute USING brin (at) WITH (autosummarize = on);

CREATE TABLE metrics_requests_hour (LIKE metrics_requests_minute INCLUDING INDEXES);
CREATE TABLE metrics_events_hour (LIKE metrics_events_minute INCLUDING INDEXES);
CREATE TABLE metrics_attempts_hour (LIKE metrics_attempts_minute INCLUDING INDEXES);

-- What waited for delivery at each minute, by destination; a minute without a row had nothing waiting.
CREATE TABLE metrics_queue (
    at timestamptz NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    depth bigint NOT NULL,
    oldest_age_s bigint NOT NULL,
    PRIMARY KEY (team_id, at, destination_id)
);
-- Readers: retention.
CREATE INDEX metrics_queue_at ON metrics_queue USING brin (at) WITH (autosummarize = on);
