-- One run of a transformation over one branch: how it ended, what it wrote to its console, what it made of the request.
-- What went in is the request's own row. Partitioned by day on the id, as all evidence: events/storage/partitions.py.

CREATE TABLE transformation_executions (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    transformation_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('SUCCESSFUL', 'FAILED')),
    error text CHECK ((status = 'FAILED') = (error IS NOT NULL)),
    error_kind text CHECK ((error IS NULL) = (error_kind IS NULL)),
    line integer,
    column_number integer,
    logs text,
    duration_us integer NOT NULL,
    cpu_us integer NOT NULL,
    after text,
    created_at timestamptz NOT NULL
) PARTITION BY RANGE (id);

-- Readers: the list of one transformation.
CREATE INDEX transformation_executions_transformation ON transformation_executions (transformation_id, id);
-- Readers: what failed of it, which is rare among the successful.
CREATE INDEX transformation_executions_failed ON transformation_executions (transformation_id, id)
WHERE status = 'FAILED';
