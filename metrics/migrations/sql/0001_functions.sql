-- What tells the rollups of changes to rows that are counted already. Per statement, not per row, and for all but old
-- rows it is one look at the rows that the statement wrote: docs/decisions/0024.

CREATE FUNCTION metrics_minute_of(id text) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- The first ten characters after the prefix are the milliseconds, in Crockford's base 32 (fasthook/lib/ids.py).
    SELECT to_timestamp((sum(
        (strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(split_part(id, '_', 2), place, 1)) - 1)::bigint
            << (5 * (10 - place))
    )::bigint / 60000 * 60)::double precision)
    FROM generate_series(1, 10) AS places (place)
$$;

CREATE FUNCTION metrics_latency_bin(latency integer) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- metrics/spec/latency.py.
    SELECT (CASE
        WHEN latency < 32 THEN greatest(latency, 0)
        WHEN latency < 64 THEN 16 + (latency >> 1)
        WHEN latency < 128 THEN 32 + (latency >> 2)
        WHEN latency < 256 THEN 48 + (latency >> 3)
        WHEN latency < 512 THEN 64 + (latency >> 4)
        WHEN latency < 1024 THEN 80 + (latency >> 5)
        WHEN latency < 2048 THEN 96 + (latency >> 6)
        WHEN latency < 4096 THEN 112 + (latency >> 7)
        WHEN latency < 8192 THEN 128 + (latency >> 8)
        WHEN latency < 16384 THEN 144 + (latency >> 9)
        WHEN latency < 32768 THEN 160 + (latency >> 10)
        WHEN latency < 65536 THEN 176 + (latency >> 11)
        WHEN latency < 131072 THEN 192 + (latency >> 12)
        WHEN latency < 262144 THEN 208 + (latency >> 13)
        WHEN latency < 524288 THEN 224 + (latency >> 14)
        WHEN latency < 1048576 THEN 240 + (latency >> 15)
        WHEN latency < 2097152 THEN 256 + (latency >> 16)
        WHEN latency < 4194304 THEN 272 + (latency >> 17)
        WHEN latency < 8388608 THEN 288 + (latency >> 18)
        WHEN latency < 16777216 THEN 304 + (latency >> 19)
        ELSE 335
    END)::smallint
$$;

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
                 response_status, n, tries)
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
                 response_status, n, tries)
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
