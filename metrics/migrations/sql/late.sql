-- Late differences: what changes of old rows made of counts that are in the rollups already. The triggers write them in
-- the changes' own transactions: per statement, not per row, and for all but old rows it is one look at the rows that
-- the statement wrote. Counting folds them in: docs/decisions/0023. The columns are those of the rollups.

CREATE TABLE metrics_requests_late (LIKE metrics_requests_minute);
CREATE TABLE metrics_events_late (LIKE metrics_events_minute);

CREATE TABLE metrics_attempts_late (
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
    -- A difference has one bin of the histogram.
    bin smallint NOT NULL
);

-- Readers: every question, for what changed late in a team's range.
CREATE INDEX metrics_requests_late_team ON metrics_requests_late (team_id, at);
CREATE INDEX metrics_events_late_team ON metrics_events_late (team_id, at);
CREATE INDEX metrics_attempts_late_team ON metrics_attempts_late (team_id, at);

CREATE FUNCTION metrics_note_requests() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted text COLLATE "C" := (SELECT 'req_' || late_before FROM metrics_rollup);
BEGIN
    IF TG_OP <> 'DELETE' THEN
        IF EXISTS (SELECT FROM new_rows WHERE id < counted) THEN
            INSERT INTO metrics_requests_late
                (at, team_id, source_id, status, rejection_cause, verified, is_retry, n)
            SELECT metrics_minute_of(id), team_id, source_id, status, rejection_cause, verified,
                retry_parent_request_id IS NOT NULL, count(*)
            FROM new_rows WHERE id < counted
            GROUP BY 1, 2, 3, 4, 5, 6, 7;
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF EXISTS (SELECT FROM old_rows WHERE id < counted) THEN
            INSERT INTO metrics_requests_late
                (at, team_id, source_id, status, rejection_cause, verified, is_retry, n)
            SELECT metrics_minute_of(id), team_id, source_id, status, rejection_cause, verified,
                retry_parent_request_id IS NOT NULL, -count(*)
            FROM old_rows WHERE id < counted
            GROUP BY 1, 2, 3, 4, 5, 6, 7;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION metrics_note_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted text COLLATE "C" := (SELECT 'evt_' || late_before FROM metrics_rollup);
BEGIN
    IF TG_OP <> 'DELETE' THEN
        IF EXISTS (SELECT FROM new_rows WHERE id < counted) THEN
            INSERT INTO metrics_events_late
                (at, team_id, connection_id, source_id, destination_id, status, ignored, ignored_cause, error_code,
                 response_status, n, attempts)
            SELECT metrics_minute_of(id), team_id, connection_id, source_id, destination_id, status,
                ignored_meta IS NOT NULL, ignored_cause, error_code, response_status, count(*), sum(attempts)
            FROM new_rows WHERE id < counted
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF EXISTS (SELECT FROM old_rows WHERE id < counted) THEN
            INSERT INTO metrics_events_late
                (at, team_id, connection_id, source_id, destination_id, status, ignored, ignored_cause, error_code,
                 response_status, n, attempts)
            SELECT metrics_minute_of(id), team_id, connection_id, source_id, destination_id, status,
                ignored_meta IS NOT NULL, ignored_cause, error_code, response_status, -count(*), -sum(attempts)
            FROM old_rows WHERE id < counted
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION metrics_note_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted text COLLATE "C" := (SELECT 'att_' || late_before FROM metrics_rollup);
BEGIN
    IF TG_OP <> 'DELETE' THEN
        IF EXISTS (SELECT FROM new_rows WHERE id < counted) THEN
            INSERT INTO metrics_attempts_late
                (at, team_id, connection_id, destination_id, status, error_code, response_status, trigger,
                 n, latency_sum, latency_max, bin)
            SELECT metrics_minute_of(id), team_id, connection_id, destination_id, status, error_code, response_status,
                trigger, count(*), sum(latency), max(latency), metrics_latency_bin(latency)
            FROM new_rows WHERE id < counted
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 12;
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF EXISTS (SELECT FROM old_rows WHERE id < counted) THEN
            -- A maximum cannot be taken back; nothing but the removal of a whole day deletes attempts.
            INSERT INTO metrics_attempts_late
                (at, team_id, connection_id, destination_id, status, error_code, response_status, trigger,
                 n, latency_sum, latency_max, bin)
            SELECT metrics_minute_of(id), team_id, connection_id, destination_id, status, error_code, response_status,
                trigger, -count(*), -sum(latency), 0, metrics_latency_bin(latency)
            FROM old_rows WHERE id < counted
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 12;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER requests_note_insert AFTER INSERT ON requests
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_requests();
CREATE TRIGGER requests_note_update AFTER UPDATE ON requests
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_requests();
CREATE TRIGGER requests_note_delete AFTER DELETE ON requests
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_requests();

CREATE TRIGGER events_note_insert AFTER INSERT ON events
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_events();
CREATE TRIGGER events_note_update AFTER UPDATE ON events
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_events();
CREATE TRIGGER events_note_delete AFTER DELETE ON events
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_events();

CREATE TRIGGER attempts_note_insert AFTER INSERT ON attempts
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_attempts();
CREATE TRIGGER attempts_note_update AFTER UPDATE ON attempts
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_attempts();
CREATE TRIGGER attempts_note_delete AFTER DELETE ON attempts
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_attempts();
