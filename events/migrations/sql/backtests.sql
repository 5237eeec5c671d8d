-- Backtests: rehearsals of changed rules over requests of the past: what is replayed, how far it is, what was found.
-- Kept for a week.

CREATE TABLE backtest (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    status text NOT NULL,
    -- JSON, as they are shown: values of an inline transformation's env are masked.
    rules text NOT NULL,
    -- Encrypted: the rules and the transformation as they run; null when over.
    sealed text,
    range_from timestamptz NOT NULL,
    range_to timestamptz NOT NULL,
    -- The last request that was judged.
    position text COLLATE "C" NOT NULL,
    total_count integer NOT NULL,
    done_count integer NOT NULL,
    would_be jsonb NOT NULL,
    was jsonb NOT NULL,
    changes jsonb NOT NULL,
    changed_count integer NOT NULL,
    samples jsonb NOT NULL,
    failure_message text,
    requested_by text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    -- When the next worker may take it on.
    lease_until timestamptz NOT NULL DEFAULT statement_timestamp(),
    lease_token uuid,
    claim_count smallint NOT NULL
);

-- Readers: the claim, and the tick's look for what is due.
CREATE INDEX backtest_unfinished ON backtest (lease_until) WHERE status IN ('PLANNED', 'RUNNING');

-- Reader: the list of one connection.
CREATE INDEX backtest_connection ON backtest (connection_id, id);
