-- What waited for delivery at each minute, by destination; a minute without a row had nothing waiting.

CREATE TABLE metrics_queue (
    at timestamptz NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    destination_id text COLLATE "C" NOT NULL,
    depth bigint NOT NULL,
    oldest_age_s bigint NOT NULL,
    PRIMARY KEY (team_id, at, destination_id)
);

-- Reader: retention.
CREATE INDEX metrics_queue_at ON metrics_queue USING brin (at) WITH (autosummarize = on);
