-- Rollups: counts of evidence by minute and by hour of its id. Beside rows for every owner (source or connection) there
-- are the team's totals, so that a question about the whole team reads few rows: with owner '*' by all keys but those
-- of owners, with owner '' by the status alone (the others are NULL). Else NULL means what it means in the evidence.
--
-- Rollups are true for what lies before metrics_rollup.counted_before, together with the rows of the _late tables:
-- those are the differences that later changes of old rows made, written by the triggers in the changes' own
-- transactions.

CREATE TABLE metrics_rollup (
    id smallint PRIMARY KEY DEFAULT 1 CONSTRAINT metrics_rollup_one_row CHECK (id = 1),
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
    attempts bigint NOT NULL
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
    counts integer[] NOT NULL,
    histogram bytea GENERATED ALWAYS AS (metrics_packed(bins, counts)) STORED
);

CREATE TABLE metrics_requests_hour (LIKE metrics_requests_minute);
CREATE TABLE metrics_events_hour (LIKE metrics_events_minute);
CREATE TABLE metrics_attempts_hour (LIKE metrics_attempts_minute INCLUDING GENERATED);

-- Readers: the team's totals, and the rows of one source or connection; folding.
CREATE INDEX metrics_requests_minute_owner ON metrics_requests_minute (team_id, source_id, at);
CREATE INDEX metrics_requests_hour_owner ON metrics_requests_hour (team_id, source_id, at);
CREATE INDEX metrics_events_minute_owner ON metrics_events_minute (team_id, connection_id, at);
CREATE INDEX metrics_events_hour_owner ON metrics_events_hour (team_id, connection_id, at);
CREATE INDEX metrics_attempts_minute_owner ON metrics_attempts_minute (team_id, connection_id, at);
CREATE INDEX metrics_attempts_hour_owner ON metrics_attempts_hour (team_id, connection_id, at);

-- Readers: all sources, connections or destinations of a team beside each other.
CREATE INDEX metrics_requests_minute_team ON metrics_requests_minute (team_id, at) WHERE source_id > '*';
CREATE INDEX metrics_requests_hour_team ON metrics_requests_hour (team_id, at) WHERE source_id > '*';
CREATE INDEX metrics_events_minute_team ON metrics_events_minute (team_id, at) WHERE connection_id > '*';
CREATE INDEX metrics_events_hour_team ON metrics_events_hour (team_id, at) WHERE connection_id > '*';
CREATE INDEX metrics_attempts_minute_team ON metrics_attempts_minute (team_id, at) WHERE connection_id > '*';
CREATE INDEX metrics_attempts_hour_team ON metrics_attempts_hour (team_id, at) WHERE connection_id > '*';

-- Readers: one destination or one source. With the team's other owners beside it, its minutes of a week are a hundredth
-- of what would be looked at.
CREATE INDEX metrics_events_minute_destination ON metrics_events_minute (team_id, destination_id, at)
WHERE connection_id > '*';
CREATE INDEX metrics_events_hour_destination ON metrics_events_hour (team_id, destination_id, at)
WHERE connection_id > '*';
CREATE INDEX metrics_events_minute_source ON metrics_events_minute (team_id, source_id, at) WHERE connection_id > '*';
CREATE INDEX metrics_events_hour_source ON metrics_events_hour (team_id, source_id, at) WHERE connection_id > '*';
CREATE INDEX metrics_attempts_minute_destination ON metrics_attempts_minute (team_id, destination_id, at)
WHERE connection_id > '*';
CREATE INDEX metrics_attempts_hour_destination ON metrics_attempts_hour (team_id, destination_id, at)
WHERE connection_id > '*';

-- Readers: retention, and counting a stretch anew, which read all teams of a time.
CREATE INDEX metrics_requests_minute_at ON metrics_requests_minute USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_requests_hour_at ON metrics_requests_hour USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_events_minute_at ON metrics_events_minute USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_events_hour_at ON metrics_events_hour USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_attempts_minute_at ON metrics_attempts_minute USING brin (at) WITH (autosummarize = on);
CREATE INDEX metrics_attempts_hour_at ON metrics_attempts_hour USING brin (at) WITH (autosummarize = on);
