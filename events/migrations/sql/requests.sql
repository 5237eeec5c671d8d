-- Requests: one row an inbound call, partitioned by day on the id, which begins with its time (events/storage/partitions.py).
--
-- Indexes of evidence, here and in the files beside this one: what most rows have needs none, since a scan of the
-- team's rows, newest first, fills its page at once. So the partial ones hold the rare rows only, and an event that is
-- simply delivered is in none of them. The columns behind the id let a second filter be judged inside the index.
-- docs/decisions/0018 has the measurements.

CREATE TABLE requests (
    id text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    status text NOT NULL CONSTRAINT requests_status_is_known CHECK (status IN ('accepted', 'rejected')),
    rejection_cause text,
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
    ingested_at timestamptz NOT NULL,
    CONSTRAINT requests_rejected_has_cause CHECK ((status = 'rejected') = (rejection_cause IS NOT NULL))
) PARTITION BY RANGE (id);

-- Readers: the team's list, and its range of time.
CREATE INDEX requests_team ON requests (team_id, id);

-- Readers: the list of one source, by verified too; latest input; the last request of a deduplication window.
CREATE INDEX requests_of_source ON requests (source_id, id, verified);

-- Readers: lists by verified, either of which may be rare in a team.
CREATE INDEX requests_verified ON requests (team_id, verified, id);

-- Readers: lists of requests turned away, all or by cause, of a team or one of its sources; alerts on rejected
-- requests.
CREATE INDEX requests_rejection ON requests (team_id, rejection_cause, id, source_id) WHERE status = 'rejected';

-- Readers: lists of replayed requests (is_retry).
CREATE INDEX requests_replayed ON requests (team_id, id, source_id) WHERE retry_parent_request_id IS NOT NULL;

-- Readers: the trace, for the replays of a request.
CREATE INDEX requests_parent ON requests (retry_parent_request_id, id) WHERE retry_parent_request_id IS NOT NULL;

-- Readers: lists of one bulk operation's requests.
CREATE INDEX requests_batch ON requests (batch_operation_id, id) WHERE batch_operation_id IS NOT NULL;

-- Whoever writes accepted requests writes their routing jobs, in the same statement: so capture is one COPY, and no
-- request can be stored and forgotten. Rows copied into a partition by its own name (seeded history) make no jobs.

CREATE FUNCTION make_route_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO route_job (request_id, source_id, body_size, due_at, batch_operation_id)
    SELECT id, source_id, coalesce(octet_length(body), 0), ingested_at, batch_operation_id
    FROM captured
    WHERE status = 'accepted' AND NOT handshake;
    RETURN NULL;
END
$$;

CREATE TRIGGER requests_make_route_jobs AFTER INSERT ON requests
REFERENCING NEW TABLE AS captured FOR EACH STATEMENT EXECUTE FUNCTION make_route_jobs();
