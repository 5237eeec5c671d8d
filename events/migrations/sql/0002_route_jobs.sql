-- Whoever writes accepted requests writes their routing jobs, in the same statement: so capture is one COPY, and no
-- request can be stored and forgotten. Rows copied into a partition by its own name (seeded history) make no jobs.

CREATE FUNCTION make_route_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO route_job (request_id, source_id, body_size, due_at)
    SELECT id, source_id, coalesce(octet_length(body), 0), ingested_at
    FROM captured
    WHERE status = 'accepted' AND NOT handshake
    -- A release that still writes the jobs itself may run beside this one.
    ON CONFLICT (request_id) DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER requests_make_route_jobs AFTER INSERT ON requests
REFERENCING NEW TABLE AS captured FOR EACH STATEMENT EXECUTE FUNCTION make_route_jobs();
