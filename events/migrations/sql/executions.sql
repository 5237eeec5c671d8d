-- Executions: one run of a transformation over one branch: how it ended, what it wrote to its console, what it made of
-- the request. What went in is the request's own row. Partitioned by day on the id. How indexes of evidence are made:
-- requests.sql.

CREATE TABLE transformation_executions (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    transformation_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    status text NOT NULL CONSTRAINT transformation_executions_status_is_known
        CHECK (status IN ('SUCCESSFUL', 'FAILED')),
    error text,
    error_kind text,
    line integer,
    column_number integer,
    -- JSON: a list of {level, message}.
    logs text,
    duration_us integer NOT NULL,
    cpu_us integer NOT NULL,
    -- JSON, as data of requests; null when nothing changed.
    after text,
    created_at timestamptz NOT NULL,
    CONSTRAINT transformation_executions_failed_has_error CHECK ((status = 'FAILED') = (error IS NOT NULL)),
    CONSTRAINT transformation_executions_error_has_kind CHECK ((error IS NULL) = (error_kind IS NULL))
) PARTITION BY RANGE (id);

-- Readers: the list of one transformation.
CREATE INDEX transformation_executions_transformation ON transformation_executions (transformation_id, id);

-- Readers: what failed of it, which is rare among the successful.
CREATE INDEX transformation_executions_failed ON transformation_executions (transformation_id, id)
WHERE status = 'FAILED';

-- Readers: the trace, for the runs of a request's branches; the admin, by event and by request.
CREATE INDEX transformation_executions_of_request ON transformation_executions (request_id, id);
