-- Every table as the migrations make it: functions first, then each table with its keys, indexes and triggers, in the
-- order of their names. Partitions of a day are left out; they are made like their table.
--
-- Written by ./script/schema, never by hand: tests/test_schema_file.py compares it with the migrations. Why a column is
-- there and who reads an index is said where they are made: events/migrations/sql, metrics/migrations/sql, and the
-- models of the other apps.

CREATE FUNCTION make_route_jobs() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO route_job (request_id, source_id, body_size, due_at, batch_operation_id)
    SELECT id, source_id, coalesce(octet_length(body), 0), ingested_at, batch_operation_id
    FROM captured
    WHERE status = 'accepted' AND NOT handshake;
    RETURN NULL;
END
$$;

CREATE FUNCTION metrics_latency_bin(latency integer) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
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

CREATE FUNCTION metrics_minute_of(id text) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    -- The first ten characters after the prefix are the milliseconds, in Crockford's base 32 (fasthook/lib/ids.py).
    SELECT to_timestamp((sum(
        (strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(split_part(id, '_', 2), place, 1)) - 1)::bigint
            << (5 * (10 - place))
    )::bigint / 60000 * 60)::double precision)
    FROM generate_series(1, 10) AS places (place)
$$;

CREATE FUNCTION metrics_note_attempts() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION metrics_note_events() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION metrics_note_requests() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION metrics_packed(bins smallint[], counts integer[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT string_agg(int4send(coalesce(n, 0) # '-2147483648'::integer), '' ORDER BY bin DESC)
    FROM generate_series(bins[1]::integer, bins[cardinality(bins)]::integer) AS every (bin)
    LEFT JOIN unnest(bins, counts) AS held (bin, n) USING (bin)
$$;

CREATE TABLE alerts_alert (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    rule_id text NOT NULL COLLATE "C",
    rule_type text NOT NULL,
    object_type text NOT NULL,
    object_id text NOT NULL COLLATE "C",
    object_name text NOT NULL,
    status text NOT NULL,
    value double precision NOT NULL,
    summary text NOT NULL,
    pending_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone,
    clear_since timestamp with time zone,
    resolved_at timestamp with time zone,
    resolution text,
    notified_at timestamp with time zone,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    muted_until timestamp with time zone
);
ALTER TABLE ONLY alerts_alert
    ADD CONSTRAINT alerts_alert_pkey PRIMARY KEY (id);
CREATE INDEX alert_by_status ON alerts_alert USING btree (team_id, status, id);
CREATE INDEX alert_of_object ON alerts_alert USING btree (object_id, id);
CREATE INDEX alert_of_rule ON alerts_alert USING btree (rule_id, id);
CREATE INDEX alert_of_team ON alerts_alert USING btree (team_id, id);
CREATE UNIQUE INDEX alert_once_per_rule_and_object ON alerts_alert USING btree (rule_id, object_id) WHERE (status = ANY (ARRAY['PENDING'::text, 'OPEN'::text]));
CREATE INDEX alert_resolved ON alerts_alert USING btree (resolved_at);
CREATE INDEX alert_standing ON alerts_alert USING btree (id) WHERE (status = ANY (ARRAY['PENDING'::text, 'OPEN'::text]));
CREATE INDEX alerts_alert_id_13155e16_like ON alerts_alert USING btree (id text_pattern_ops);

CREATE TABLE alerts_channel (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    description text NOT NULL,
    disabled_at timestamp with time zone,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL,
    type character varying(10) NOT NULL,
    config text NOT NULL,
    next_slot_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);
ALTER TABLE ONLY alerts_channel
    ADD CONSTRAINT alerts_channel_pkey PRIMARY KEY (id);
CREATE INDEX alert_channel_by_created ON alerts_channel USING btree (team_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX alert_channel_by_updated ON alerts_channel USING btree (team_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX alert_channel_name_once_per_team ON alerts_channel USING btree (team_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX alerts_channel_id_7e0595d2_like ON alerts_channel USING btree (id text_pattern_ops);
CREATE INDEX alerts_channel_team_id_7d88d932 ON alerts_channel USING btree (team_id);
CREATE INDEX alerts_channel_team_id_7d88d932_like ON alerts_channel USING btree (team_id text_pattern_ops);
CREATE INDEX alerts_channel_version_87a784ef ON alerts_channel USING btree (version);
ALTER TABLE ONLY alerts_channel
    ADD CONSTRAINT alerts_channel_team_id_7d88d932_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE alerts_notification (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    channel_id text NOT NULL COLLATE "C",
    channel_type text NOT NULL,
    rule_id text COLLATE "C",
    kind text NOT NULL,
    alert_ids text[] NOT NULL COLLATE "C",
    message text NOT NULL,
    status text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    lease_token uuid,
    attempts smallint NOT NULL,
    response_status integer,
    response_body text,
    error_code text,
    error_message text,
    created_at timestamp with time zone NOT NULL,
    last_attempt_at timestamp with time zone,
    sent_at timestamp with time zone
);
ALTER TABLE ONLY alerts_notification
    ADD CONSTRAINT alerts_notification_pkey PRIMARY KEY (id);
CREATE INDEX alert_notification_due ON alerts_notification USING btree (due_at) WHERE (status = 'PENDING'::text);
CREATE INDEX alert_notification_of_alert ON alerts_notification USING gin (alert_ids);
CREATE INDEX alert_notification_of_channel ON alerts_notification USING btree (channel_id, id);
CREATE INDEX alert_notification_of_rule ON alerts_notification USING btree (rule_id, id);
CREATE INDEX alert_notification_of_team ON alerts_notification USING btree (team_id, id);
CREATE INDEX alert_notification_waiting ON alerts_notification USING btree (channel_id, rule_id, id) WHERE (status = 'PENDING'::text);
CREATE INDEX alerts_notification_id_49efdf32_like ON alerts_notification USING btree (id text_pattern_ops);

CREATE TABLE alerts_rule (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    description text NOT NULL,
    disabled_at timestamp with time zone,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL,
    type character varying(30) NOT NULL,
    scope text[] COLLATE "C",
    threshold double precision NOT NULL,
    resolve_threshold double precision,
    window_s integer,
    min_count integer NOT NULL,
    for_s integer NOT NULL,
    resolve_after_s integer NOT NULL,
    repeat_after_s integer,
    channel_ids text[] NOT NULL COLLATE "C",
    muted_until timestamp with time zone,
    CONSTRAINT alerts_rule_for_s_check CHECK ((for_s >= 0)),
    CONSTRAINT alerts_rule_min_count_check CHECK ((min_count >= 0)),
    CONSTRAINT alerts_rule_repeat_after_s_check CHECK ((repeat_after_s >= 0)),
    CONSTRAINT alerts_rule_resolve_after_s_check CHECK ((resolve_after_s >= 0)),
    CONSTRAINT alerts_rule_window_s_check CHECK ((window_s >= 0))
);
ALTER TABLE ONLY alerts_rule
    ADD CONSTRAINT alerts_rule_pkey PRIMARY KEY (id);
CREATE INDEX alert_rule_by_created ON alerts_rule USING btree (team_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX alert_rule_by_updated ON alerts_rule USING btree (team_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX alert_rule_name_once_per_team ON alerts_rule USING btree (team_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX alert_rule_on ON alerts_rule USING btree (type, team_id) WHERE ((deleted_at IS NULL) AND (disabled_at IS NULL));
CREATE INDEX alerts_rule_id_3111ccf4_like ON alerts_rule USING btree (id text_pattern_ops);
CREATE INDEX alerts_rule_team_id_b437e89e ON alerts_rule USING btree (team_id);
CREATE INDEX alerts_rule_team_id_b437e89e_like ON alerts_rule USING btree (team_id text_pattern_ops);
CREATE INDEX alerts_rule_version_ea09a5d6 ON alerts_rule USING btree (version);
ALTER TABLE ONLY alerts_rule
    ADD CONSTRAINT alerts_rule_team_id_b437e89e_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE attempts (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    event_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    attempt_number integer NOT NULL,
    trigger text NOT NULL,
    batch_operation_id text COLLATE "C",
    status text NOT NULL,
    response_status integer,
    error_code text,
    error_message text,
    requested_url text NOT NULL,
    http_method text NOT NULL,
    request_headers jsonb NOT NULL,
    response_headers jsonb,
    body text,
    latency integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone,
    CONSTRAINT attempts_number_is_positive CHECK ((attempt_number > 0)),
    CONSTRAINT attempts_status_is_known CHECK ((status = ANY (ARRAY['SUCCESSFUL'::text, 'FAILED'::text]))),
    CONSTRAINT attempts_trigger_is_known CHECK ((trigger = ANY (ARRAY['INITIAL'::text, 'AUTOMATIC'::text, 'MANUAL'::text, 'BULK_RETRY'::text, 'UNPAUSE'::text])))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);
CREATE INDEX attempts_batch ON ONLY attempts USING btree (batch_operation_id, id, status) WHERE (batch_operation_id IS NOT NULL);
CREATE INDEX attempts_connection ON ONLY attempts USING btree (connection_id, id);
CREATE INDEX attempts_destination ON ONLY attempts USING btree (destination_id, id);
CREATE INDEX attempts_error ON ONLY attempts USING btree (team_id, error_code, id, connection_id, destination_id) WHERE (status = 'FAILED'::text);
CREATE INDEX attempts_event ON ONLY attempts USING btree (event_id, id);
CREATE INDEX attempts_failed ON ONLY attempts USING btree (team_id, id, connection_id, destination_id) WHERE (status = 'FAILED'::text);
CREATE INDEX attempts_response ON ONLY attempts USING btree (team_id, response_status, id, connection_id, destination_id) WHERE (response_status <> 200);
CREATE INDEX attempts_team ON ONLY attempts USING btree (team_id, id);
CREATE INDEX attempts_trigger ON ONLY attempts USING btree (team_id, trigger, id, connection_id, destination_id) WHERE (trigger <> 'INITIAL'::text);
CREATE TRIGGER attempts_note_delete AFTER DELETE ON attempts REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_attempts();
CREATE TRIGGER attempts_note_insert AFTER INSERT ON attempts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_attempts();
CREATE TRIGGER attempts_note_update AFTER UPDATE ON attempts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_attempts();

CREATE TABLE auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);
ALTER TABLE auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);
ALTER TABLE ONLY auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);
CREATE INDEX auth_group_name_a6ea08ec_like ON auth_group USING btree (name varchar_pattern_ops);

CREATE TABLE auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);
CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON auth_group_permissions USING btree (group_id);
CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON auth_group_permissions USING btree (permission_id);
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES auth_group(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);
ALTER TABLE auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);
ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);
CREATE INDEX auth_permission_content_type_id_2f476e4b ON auth_permission USING btree (content_type_id);
ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES django_content_type(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE backtest (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    rules text NOT NULL,
    sealed text,
    range_from timestamp with time zone NOT NULL,
    range_to timestamp with time zone NOT NULL,
    "position" text NOT NULL COLLATE "C",
    total_count integer NOT NULL,
    done_count integer NOT NULL,
    would_be jsonb NOT NULL,
    was jsonb NOT NULL,
    changes jsonb NOT NULL,
    changed_count integer NOT NULL,
    samples jsonb NOT NULL,
    failure_message text,
    requested_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    lease_until timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    lease_token uuid,
    claim_count smallint NOT NULL
);
ALTER TABLE ONLY backtest
    ADD CONSTRAINT backtest_pkey PRIMARY KEY (id);
CREATE INDEX backtest_connection ON backtest USING btree (connection_id, id);
CREATE INDEX backtest_unfinished ON backtest USING btree (lease_until) WHERE (status = ANY (ARRAY['PLANNED'::text, 'RUNNING'::text]));

CREATE TABLE bulk_operation (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    type text NOT NULL,
    status text NOT NULL,
    digest bytea NOT NULL,
    filter jsonb NOT NULL,
    range_from timestamp with time zone NOT NULL,
    range_to timestamp with time zone NOT NULL,
    "position" text NOT NULL COLLATE "C",
    total_count integer NOT NULL,
    total_exact boolean NOT NULL,
    queued_count integer NOT NULL,
    skipped_count integer NOT NULL,
    skipped jsonb NOT NULL,
    done_count integer NOT NULL,
    failed_count integer NOT NULL,
    cancelled_count integer DEFAULT 0 NOT NULL,
    held_count integer DEFAULT 0 NOT NULL,
    failure_message text,
    requested_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    pages_done_at timestamp with time zone,
    finished_at timestamp with time zone,
    turn_at timestamp with time zone,
    lease_until timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    lease_token uuid,
    claim_count smallint NOT NULL
);
ALTER TABLE ONLY bulk_operation
    ADD CONSTRAINT bulk_operation_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX bulk_operation_once_at_a_time ON bulk_operation USING btree (digest) WHERE (status = ANY (ARRAY['PLANNED'::text, 'RUNNING'::text]));
CREATE INDEX bulk_operation_team ON bulk_operation USING btree (team_id, id);
CREATE INDEX bulk_operation_unfinished ON bulk_operation USING btree (lease_until) WHERE (finished_at IS NULL);

CREATE TABLE bulk_outcome (
    id bigint NOT NULL,
    operation_id text NOT NULL COLLATE "C",
    done integer NOT NULL,
    failed integer NOT NULL,
    cancelled integer DEFAULT 0 NOT NULL,
    held integer DEFAULT 0 NOT NULL
);
ALTER TABLE bulk_outcome ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME bulk_outcome_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY bulk_outcome
    ADD CONSTRAINT bulk_outcome_pkey PRIMARY KEY (id);
CREATE INDEX bulk_outcome_operation ON bulk_outcome USING btree (operation_id);

CREATE TABLE connections_connection (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    description text NOT NULL,
    rules text NOT NULL,
    paused_at timestamp with time zone,
    disabled_at timestamp with time zone,
    deleted_at timestamp with time zone,
    reconcile_requested_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL
);
ALTER TABLE ONLY connections_connection
    ADD CONSTRAINT connections_connection_pkey PRIMARY KEY (id);
CREATE INDEX connection_by_created ON connections_connection USING btree (team_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX connection_by_name ON connections_connection USING btree (team_id, name, id) WHERE (deleted_at IS NULL);
CREATE INDEX connection_by_updated ON connections_connection USING btree (team_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX connection_name_once_per_source ON connections_connection USING btree (source_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX connection_to_settle ON connections_connection USING btree (id) WHERE (reconcile_requested_at IS NOT NULL);
CREATE INDEX connections_connection_destination_id_ea1930ef ON connections_connection USING btree (destination_id);
CREATE INDEX connections_connection_destination_id_ea1930ef_like ON connections_connection USING btree (destination_id text_pattern_ops);
CREATE INDEX connections_connection_id_cf1df00e_like ON connections_connection USING btree (id text_pattern_ops);
CREATE INDEX connections_connection_source_id_eea8ceb0 ON connections_connection USING btree (source_id);
CREATE INDEX connections_connection_source_id_eea8ceb0_like ON connections_connection USING btree (source_id text_pattern_ops);
CREATE INDEX connections_connection_team_id_bd225dad ON connections_connection USING btree (team_id);
CREATE INDEX connections_connection_team_id_bd225dad_like ON connections_connection USING btree (team_id text_pattern_ops);
CREATE INDEX connections_connection_version_39f30d79 ON connections_connection USING btree (version);
ALTER TABLE ONLY connections_connection
    ADD CONSTRAINT connections_connecti_destination_id_ea1930ef_fk_destinati FOREIGN KEY (destination_id) REFERENCES destinations_destination(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY connections_connection
    ADD CONSTRAINT connections_connection_source_id_eea8ceb0_fk_sources_source_id FOREIGN KEY (source_id) REFERENCES sources_source(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY connections_connection
    ADD CONSTRAINT connections_connection_team_id_bd225dad_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE connections_transformation (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    description text NOT NULL,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL,
    code text NOT NULL,
    env text NOT NULL
);
ALTER TABLE ONLY connections_transformation
    ADD CONSTRAINT connections_transformation_pkey PRIMARY KEY (id);
CREATE INDEX connections_transformation_id_6dd931c0_like ON connections_transformation USING btree (id text_pattern_ops);
CREATE INDEX connections_transformation_team_id_bb49460c ON connections_transformation USING btree (team_id);
CREATE INDEX connections_transformation_team_id_bb49460c_like ON connections_transformation USING btree (team_id text_pattern_ops);
CREATE INDEX connections_transformation_version_1b3fac64 ON connections_transformation USING btree (version);
CREATE INDEX transformation_by_created ON connections_transformation USING btree (team_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX transformation_by_updated ON connections_transformation USING btree (team_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX transformation_name_once_per_team ON connections_transformation USING btree (team_id, name) WHERE (deleted_at IS NULL);
ALTER TABLE ONLY connections_transformation
    ADD CONSTRAINT connections_transformation_team_id_bb49460c_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE deduplication_key (
    connection_id text NOT NULL COLLATE "C",
    key bytea NOT NULL,
    request_id text NOT NULL COLLATE "C",
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY deduplication_key
    ADD CONSTRAINT deduplication_key_pkey PRIMARY KEY (connection_id, key);
CREATE INDEX deduplication_key_expiry ON deduplication_key USING btree (expires_at);

CREATE TABLE delivery_job (
    event_id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    request_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    rank smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    attempt_number integer NOT NULL,
    retry_number integer DEFAULT 0 NOT NULL,
    trigger text NOT NULL,
    body_size integer NOT NULL,
    has_payload boolean DEFAULT false NOT NULL,
    claim_count smallint DEFAULT 0 NOT NULL,
    lease_token uuid,
    batch_operation_id text COLLATE "C",
    cancelled boolean DEFAULT false NOT NULL,
    CONSTRAINT delivery_job_cancelled_is_leased CHECK (((NOT cancelled) OR (rank = 0))),
    CONSTRAINT delivery_job_leased_has_token CHECK (((rank = 4) OR ((rank = 0) = (lease_token IS NOT NULL)))),
    CONSTRAINT delivery_job_rank_is_known CHECK (((rank >= 0) AND (rank <= 4)))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY delivery_job
    ADD CONSTRAINT delivery_job_pkey PRIMARY KEY (event_id);
CREATE INDEX delivery_job_batch ON delivery_job USING btree (batch_operation_id, rank) WHERE (batch_operation_id IS NOT NULL);
CREATE INDEX delivery_job_queue ON delivery_job USING btree (destination_id, rank, due_at);
CREATE INDEX delivery_job_rules ON delivery_job USING btree (due_at) WHERE (rank = 4);

CREATE TABLE destination_lease (
    destination_id text NOT NULL COLLATE "C",
    owner uuid,
    owned_until timestamp with time zone NOT NULL,
    last_slot_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY destination_lease
    ADD CONSTRAINT destination_lease_pkey PRIMARY KEY (destination_id);
CREATE INDEX destination_lease_owner ON destination_lease USING btree (owner);

CREATE TABLE destinations_destination (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    description text NOT NULL,
    type character varying(10) NOT NULL,
    url text NOT NULL,
    http_method character varying(7),
    path_forwarding_disabled boolean NOT NULL,
    rate_limit integer,
    rate_limit_period character varying(6) NOT NULL,
    max_concurrency integer NOT NULL,
    timeout_s double precision NOT NULL,
    auth_type character varying(40),
    auth text,
    disabled_at timestamp with time zone,
    deleted_at timestamp with time zone,
    reconcile_requested_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT destinations_destination_max_concurrency_check CHECK ((max_concurrency >= 0)),
    CONSTRAINT destinations_destination_rate_limit_check CHECK ((rate_limit >= 0))
);
ALTER TABLE ONLY destinations_destination
    ADD CONSTRAINT destinations_destination_pkey PRIMARY KEY (id);
CREATE INDEX destination_by_created ON destinations_destination USING btree (team_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX destination_by_updated ON destinations_destination USING btree (team_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX destination_name_once_per_team ON destinations_destination USING btree (team_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX destination_to_settle ON destinations_destination USING btree (id) WHERE (reconcile_requested_at IS NOT NULL);
CREATE INDEX destinations_destination_id_6634d431_like ON destinations_destination USING btree (id text_pattern_ops);
CREATE INDEX destinations_destination_team_id_656738a2 ON destinations_destination USING btree (team_id);
CREATE INDEX destinations_destination_team_id_656738a2_like ON destinations_destination USING btree (team_id text_pattern_ops);
CREATE INDEX destinations_destination_version_a3e84684 ON destinations_destination USING btree (version);
ALTER TABLE ONLY destinations_destination
    ADD CONSTRAINT destinations_destination_team_id_656738a2_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE discarded_requests (
    team_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    minute timestamp with time zone NOT NULL,
    rejection_cause text NOT NULL,
    count bigint NOT NULL
);
ALTER TABLE ONLY discarded_requests
    ADD CONSTRAINT discarded_requests_pkey PRIMARY KEY (source_id, minute, rejection_cause);

CREATE TABLE django_admin_log (
    id integer NOT NULL,
    action_time timestamp with time zone NOT NULL,
    object_id text,
    object_repr character varying(200) NOT NULL,
    action_flag smallint NOT NULL,
    change_message text NOT NULL,
    content_type_id integer,
    user_id text NOT NULL COLLATE "C",
    CONSTRAINT django_admin_log_action_flag_check CHECK ((action_flag >= 0))
);
ALTER TABLE django_admin_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_admin_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY django_admin_log
    ADD CONSTRAINT django_admin_log_pkey PRIMARY KEY (id);
CREATE INDEX django_admin_log_content_type_id_c4bce8eb ON django_admin_log USING btree (content_type_id);
CREATE INDEX django_admin_log_user_id_c564eba6 ON django_admin_log USING btree (user_id);
CREATE INDEX django_admin_log_user_id_c564eba6_like ON django_admin_log USING btree (user_id text_pattern_ops);
ALTER TABLE ONLY django_admin_log
    ADD CONSTRAINT django_admin_log_content_type_id_c4bce8eb_fk_django_co FOREIGN KEY (content_type_id) REFERENCES django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY django_admin_log
    ADD CONSTRAINT django_admin_log_user_id_c564eba6_fk_teams_user_id FOREIGN KEY (user_id) REFERENCES teams_user(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);
ALTER TABLE django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);
ALTER TABLE ONLY django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);

CREATE TABLE django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);
ALTER TABLE django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);

CREATE TABLE django_session (
    session_key character varying(40) NOT NULL,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);
ALTER TABLE ONLY django_session
    ADD CONSTRAINT django_session_pkey PRIMARY KEY (session_key);
CREATE INDEX django_session_expire_date_a5c62663 ON django_session USING btree (expire_date);
CREATE INDEX django_session_session_key_c0390e0f_like ON django_session USING btree (session_key varchar_pattern_ops);

CREATE TABLE event_payloads (
    id text NOT NULL COLLATE "C",
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY event_payloads
    ADD CONSTRAINT event_payloads_pkey PRIMARY KEY (id);

CREATE TABLE events (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    request_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    attempts integer NOT NULL,
    response_status integer,
    error_code text,
    failure_message text,
    ignored_cause text,
    ignored_meta jsonb,
    next_attempt_at timestamp with time zone,
    last_attempt_at timestamp with time zone,
    successful_at timestamp with time zone,
    batch_operation_id text COLLATE "C",
    has_payload boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT events_attempts_not_negative CHECK ((attempts >= 0)),
    CONSTRAINT events_ignored_is_cancelled CHECK (((ignored_cause IS NULL) OR (status = 'CANCELLED'::text))),
    CONSTRAINT events_next_attempt_only_while_waiting CHECK (((next_attempt_at IS NULL) OR (status = ANY (ARRAY['SCHEDULED'::text, 'QUEUED'::text, 'FAILED'::text])))),
    CONSTRAINT events_status_is_known CHECK ((status = ANY (ARRAY['SCHEDULED'::text, 'QUEUED'::text, 'HOLD'::text, 'SUCCESSFUL'::text, 'FAILED'::text, 'CANCELLED'::text]))),
    CONSTRAINT events_successful_has_time CHECK (((successful_at IS NOT NULL) OR (status <> 'SUCCESSFUL'::text)))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
CREATE INDEX events_batch ON ONLY events USING btree (batch_operation_id, id) WHERE (batch_operation_id IS NOT NULL);
CREATE INDEX events_connection ON ONLY events USING btree (connection_id, id);
CREATE INDEX events_destination ON ONLY events USING btree (destination_id, id);
CREATE INDEX events_error ON ONLY events USING btree (team_id, error_code, id, connection_id, destination_id) WHERE ((error_code IS NOT NULL) AND (ignored_meta IS NULL));
CREATE INDEX events_held ON ONLY events USING btree (connection_id, id) WHERE (status = 'HOLD'::text);
CREATE INDEX events_ignored ON ONLY events USING btree (team_id, ignored_cause, id, connection_id, destination_id) WHERE (ignored_cause IS NOT NULL);
CREATE INDEX events_request ON ONLY events USING btree (request_id, id);
CREATE INDEX events_response ON ONLY events USING btree (team_id, response_status, id, connection_id, destination_id) WHERE ((response_status <> 200) AND (ignored_meta IS NULL));
CREATE INDEX events_team ON ONLY events USING btree (team_id, id);
CREATE INDEX events_undelivered ON ONLY events USING btree (team_id, status, id, connection_id, destination_id) WHERE ((status = ANY (ARRAY['FAILED'::text, 'CANCELLED'::text])) AND (ignored_meta IS NULL));
CREATE TRIGGER events_note_delete AFTER DELETE ON events REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_events();
CREATE TRIGGER events_note_insert AFTER INSERT ON events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_events();
CREATE TRIGGER events_note_update AFTER UPDATE ON events REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_events();

CREATE TABLE metrics_attempts_hour (
    at timestamp with time zone CONSTRAINT metrics_attempts_minute_at_not_null NOT NULL,
    team_id text CONSTRAINT metrics_attempts_minute_team_id_not_null NOT NULL COLLATE "C",
    connection_id text CONSTRAINT metrics_attempts_minute_connection_id_not_null NOT NULL COLLATE "C",
    destination_id text CONSTRAINT metrics_attempts_minute_destination_id_not_null NOT NULL COLLATE "C",
    status text CONSTRAINT metrics_attempts_minute_status_not_null NOT NULL,
    error_code text,
    response_status integer,
    trigger text,
    n bigint CONSTRAINT metrics_attempts_minute_n_not_null NOT NULL,
    latency_sum bigint CONSTRAINT metrics_attempts_minute_latency_sum_not_null NOT NULL,
    latency_max integer CONSTRAINT metrics_attempts_minute_latency_max_not_null NOT NULL,
    bins smallint[] CONSTRAINT metrics_attempts_minute_bins_not_null NOT NULL,
    counts integer[] CONSTRAINT metrics_attempts_minute_counts_not_null NOT NULL,
    histogram bytea GENERATED ALWAYS AS (metrics_packed(bins, counts)) STORED
);
CREATE INDEX metrics_attempts_hour_at ON metrics_attempts_hour USING brin (at) WITH (autosummarize='on');
CREATE INDEX metrics_attempts_hour_destination ON metrics_attempts_hour USING btree (team_id, destination_id, at) WHERE (connection_id > '*'::text);
CREATE INDEX metrics_attempts_hour_owner ON metrics_attempts_hour USING btree (team_id, connection_id, at);
CREATE INDEX metrics_attempts_hour_team ON metrics_attempts_hour USING btree (team_id, at) WHERE (connection_id > '*'::text);

CREATE TABLE metrics_attempts_late (
    at timestamp with time zone NOT NULL,
    team_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    error_code text,
    response_status integer,
    trigger text,
    n bigint NOT NULL,
    latency_sum bigint NOT NULL,
    latency_max integer NOT NULL,
    bin smallint NOT NULL
);
CREATE INDEX metrics_attempts_late_team ON metrics_attempts_late USING btree (team_id, at);

CREATE TABLE metrics_attempts_minute (
    at timestamp with time zone NOT NULL,
    team_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    error_code text,
    response_status integer,
    trigger text,
    n bigint NOT NULL,
    latency_sum bigint NOT NULL,
    latency_max integer NOT NULL,
    bins smallint[] NOT NULL,
    counts integer[] NOT NULL,
    histogram bytea GENERATED ALWAYS AS (metrics_packed(bins, counts)) STORED
);
CREATE INDEX metrics_attempts_minute_at ON metrics_attempts_minute USING brin (at) WITH (autosummarize='on');
CREATE INDEX metrics_attempts_minute_destination ON metrics_attempts_minute USING btree (team_id, destination_id, at) WHERE (connection_id > '*'::text);
CREATE INDEX metrics_attempts_minute_owner ON metrics_attempts_minute USING btree (team_id, connection_id, at);
CREATE INDEX metrics_attempts_minute_team ON metrics_attempts_minute USING btree (team_id, at) WHERE (connection_id > '*'::text);

CREATE TABLE metrics_events_hour (
    at timestamp with time zone CONSTRAINT metrics_events_minute_at_not_null NOT NULL,
    team_id text CONSTRAINT metrics_events_minute_team_id_not_null NOT NULL COLLATE "C",
    connection_id text CONSTRAINT metrics_events_minute_connection_id_not_null NOT NULL COLLATE "C",
    source_id text CONSTRAINT metrics_events_minute_source_id_not_null NOT NULL COLLATE "C",
    destination_id text CONSTRAINT metrics_events_minute_destination_id_not_null NOT NULL COLLATE "C",
    status text CONSTRAINT metrics_events_minute_status_not_null NOT NULL,
    ignored boolean CONSTRAINT metrics_events_minute_ignored_not_null NOT NULL,
    ignored_cause text,
    error_code text,
    response_status integer,
    n bigint CONSTRAINT metrics_events_minute_n_not_null NOT NULL,
    attempts bigint CONSTRAINT metrics_events_minute_attempts_not_null NOT NULL
);
CREATE INDEX metrics_events_hour_at ON metrics_events_hour USING brin (at) WITH (autosummarize='on');
CREATE INDEX metrics_events_hour_destination ON metrics_events_hour USING btree (team_id, destination_id, at) WHERE (connection_id > '*'::text);
CREATE INDEX metrics_events_hour_owner ON metrics_events_hour USING btree (team_id, connection_id, at);
CREATE INDEX metrics_events_hour_source ON metrics_events_hour USING btree (team_id, source_id, at) WHERE (connection_id > '*'::text);
CREATE INDEX metrics_events_hour_team ON metrics_events_hour USING btree (team_id, at) WHERE (connection_id > '*'::text);

CREATE TABLE metrics_events_late (
    at timestamp with time zone CONSTRAINT metrics_events_minute_at_not_null NOT NULL,
    team_id text CONSTRAINT metrics_events_minute_team_id_not_null NOT NULL COLLATE "C",
    connection_id text CONSTRAINT metrics_events_minute_connection_id_not_null NOT NULL COLLATE "C",
    source_id text CONSTRAINT metrics_events_minute_source_id_not_null NOT NULL COLLATE "C",
    destination_id text CONSTRAINT metrics_events_minute_destination_id_not_null NOT NULL COLLATE "C",
    status text CONSTRAINT metrics_events_minute_status_not_null NOT NULL,
    ignored boolean CONSTRAINT metrics_events_minute_ignored_not_null NOT NULL,
    ignored_cause text,
    error_code text,
    response_status integer,
    n bigint CONSTRAINT metrics_events_minute_n_not_null NOT NULL,
    attempts bigint CONSTRAINT metrics_events_minute_attempts_not_null NOT NULL
);
CREATE INDEX metrics_events_late_team ON metrics_events_late USING btree (team_id, at);

CREATE TABLE metrics_events_minute (
    at timestamp with time zone NOT NULL,
    team_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    ignored boolean NOT NULL,
    ignored_cause text,
    error_code text,
    response_status integer,
    n bigint NOT NULL,
    attempts bigint NOT NULL
);
CREATE INDEX metrics_events_minute_at ON metrics_events_minute USING brin (at) WITH (autosummarize='on');
CREATE INDEX metrics_events_minute_destination ON metrics_events_minute USING btree (team_id, destination_id, at) WHERE (connection_id > '*'::text);
CREATE INDEX metrics_events_minute_owner ON metrics_events_minute USING btree (team_id, connection_id, at);
CREATE INDEX metrics_events_minute_source ON metrics_events_minute USING btree (team_id, source_id, at) WHERE (connection_id > '*'::text);
CREATE INDEX metrics_events_minute_team ON metrics_events_minute USING btree (team_id, at) WHERE (connection_id > '*'::text);

CREATE TABLE metrics_queue (
    at timestamp with time zone NOT NULL,
    team_id text NOT NULL COLLATE "C",
    destination_id text NOT NULL COLLATE "C",
    depth bigint NOT NULL,
    oldest_age_s bigint NOT NULL
);
ALTER TABLE ONLY metrics_queue
    ADD CONSTRAINT metrics_queue_pkey PRIMARY KEY (team_id, at, destination_id);
CREATE INDEX metrics_queue_at ON metrics_queue USING brin (at) WITH (autosummarize='on');

CREATE TABLE metrics_requests_hour (
    at timestamp with time zone CONSTRAINT metrics_requests_minute_at_not_null NOT NULL,
    team_id text CONSTRAINT metrics_requests_minute_team_id_not_null NOT NULL COLLATE "C",
    source_id text CONSTRAINT metrics_requests_minute_source_id_not_null NOT NULL COLLATE "C",
    status text CONSTRAINT metrics_requests_minute_status_not_null NOT NULL,
    rejection_cause text,
    verified boolean,
    is_retry boolean,
    n bigint CONSTRAINT metrics_requests_minute_n_not_null NOT NULL
);
CREATE INDEX metrics_requests_hour_at ON metrics_requests_hour USING brin (at) WITH (autosummarize='on');
CREATE INDEX metrics_requests_hour_owner ON metrics_requests_hour USING btree (team_id, source_id, at);
CREATE INDEX metrics_requests_hour_team ON metrics_requests_hour USING btree (team_id, at) WHERE (source_id > '*'::text);

CREATE TABLE metrics_requests_late (
    at timestamp with time zone CONSTRAINT metrics_requests_minute_at_not_null NOT NULL,
    team_id text CONSTRAINT metrics_requests_minute_team_id_not_null NOT NULL COLLATE "C",
    source_id text CONSTRAINT metrics_requests_minute_source_id_not_null NOT NULL COLLATE "C",
    status text CONSTRAINT metrics_requests_minute_status_not_null NOT NULL,
    rejection_cause text,
    verified boolean,
    is_retry boolean,
    n bigint CONSTRAINT metrics_requests_minute_n_not_null NOT NULL
);
CREATE INDEX metrics_requests_late_team ON metrics_requests_late USING btree (team_id, at);

CREATE TABLE metrics_requests_minute (
    at timestamp with time zone NOT NULL,
    team_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    rejection_cause text,
    verified boolean,
    is_retry boolean,
    n bigint NOT NULL
);
CREATE INDEX metrics_requests_minute_at ON metrics_requests_minute USING brin (at) WITH (autosummarize='on');
CREATE INDEX metrics_requests_minute_owner ON metrics_requests_minute USING btree (team_id, source_id, at);
CREATE INDEX metrics_requests_minute_team ON metrics_requests_minute USING btree (team_id, at) WHERE (source_id > '*'::text);

CREATE TABLE metrics_rollup (
    id smallint DEFAULT 1 NOT NULL,
    counted_before timestamp with time zone NOT NULL,
    late_before text NOT NULL COLLATE "C",
    CONSTRAINT metrics_rollup_one_row CHECK ((id = 1))
)
WITH (fillfactor='50');
ALTER TABLE ONLY metrics_rollup
    ADD CONSTRAINT metrics_rollup_pkey PRIMARY KEY (id);

CREATE TABLE requests (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    status text NOT NULL,
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
    created_at timestamp with time zone NOT NULL,
    ingested_at timestamp with time zone NOT NULL,
    CONSTRAINT requests_rejected_has_cause CHECK (((status = 'rejected'::text) = (rejection_cause IS NOT NULL))),
    CONSTRAINT requests_status_is_known CHECK ((status = ANY (ARRAY['accepted'::text, 'rejected'::text])))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (id);
CREATE INDEX requests_batch ON ONLY requests USING btree (batch_operation_id, id) WHERE (batch_operation_id IS NOT NULL);
CREATE INDEX requests_of_source ON ONLY requests USING btree (source_id, id, verified);
CREATE INDEX requests_parent ON ONLY requests USING btree (retry_parent_request_id, id) WHERE (retry_parent_request_id IS NOT NULL);
CREATE INDEX requests_rejection ON ONLY requests USING btree (team_id, rejection_cause, id, source_id) WHERE (status = 'rejected'::text);
CREATE INDEX requests_replayed ON ONLY requests USING btree (team_id, id, source_id) WHERE (retry_parent_request_id IS NOT NULL);
CREATE INDEX requests_team ON ONLY requests USING btree (team_id, id);
CREATE INDEX requests_verified ON ONLY requests USING btree (team_id, verified, id);
CREATE TRIGGER requests_make_route_jobs AFTER INSERT ON requests REFERENCING NEW TABLE AS captured FOR EACH STATEMENT EXECUTE FUNCTION make_route_jobs();
CREATE TRIGGER requests_note_delete AFTER DELETE ON requests REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_requests();
CREATE TRIGGER requests_note_insert AFTER INSERT ON requests REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_requests();
CREATE TRIGGER requests_note_update AFTER UPDATE ON requests REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_requests();

CREATE TABLE route_job (
    request_id text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    body_size integer NOT NULL,
    due_at timestamp with time zone NOT NULL,
    claim_count smallint DEFAULT 0 NOT NULL,
    lease_token uuid,
    slow boolean DEFAULT false NOT NULL,
    batch_operation_id text COLLATE "C"
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY route_job
    ADD CONSTRAINT route_job_pkey PRIMARY KEY (request_id);
CREATE INDEX route_job_batch ON route_job USING btree (batch_operation_id) WHERE (batch_operation_id IS NOT NULL);
CREATE INDEX route_job_due ON route_job USING btree (slow, due_at);

CREATE TABLE sources_source (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    description text NOT NULL,
    type character varying(40) NOT NULL,
    slug character varying(40) NOT NULL,
    auth_type character varying(40),
    auth text,
    allowed_http_methods character varying(7)[] NOT NULL,
    custom_response jsonb,
    disabled_at timestamp with time zone,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL
);
ALTER TABLE ONLY sources_source
    ADD CONSTRAINT sources_source_pkey PRIMARY KEY (id);
ALTER TABLE ONLY sources_source
    ADD CONSTRAINT sources_source_slug_key UNIQUE (slug);
CREATE INDEX source_by_created ON sources_source USING btree (team_id, created_at, id) WHERE (deleted_at IS NULL);
CREATE INDEX source_by_updated ON sources_source USING btree (team_id, updated_at, id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX source_name_once_per_team ON sources_source USING btree (team_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX sources_source_id_a878ba1d_like ON sources_source USING btree (id text_pattern_ops);
CREATE INDEX sources_source_slug_d8e9fe8c_like ON sources_source USING btree (slug varchar_pattern_ops);
CREATE INDEX sources_source_team_id_8c5b3fab ON sources_source USING btree (team_id);
CREATE INDEX sources_source_team_id_8c5b3fab_like ON sources_source USING btree (team_id text_pattern_ops);
CREATE INDEX sources_source_version_45d88c81 ON sources_source USING btree (version);
ALTER TABLE ONLY sources_source
    ADD CONSTRAINT sources_source_team_id_8c5b3fab_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE teams_auditentry (
    id text NOT NULL COLLATE "C",
    team_id text COLLATE "C",
    action text NOT NULL,
    actor_type text NOT NULL,
    actor_id text COLLATE "C",
    actor_label text NOT NULL,
    ip text,
    request_id text,
    resource_type text NOT NULL,
    resource_id text COLLATE "C",
    resource_name text NOT NULL,
    before text,
    after text,
    meta text
);
ALTER TABLE ONLY teams_auditentry
    ADD CONSTRAINT teams_auditentry_pkey PRIMARY KEY (id);
CREATE INDEX audit_by_action ON teams_auditentry USING btree (team_id, action, id);
CREATE INDEX audit_by_actor ON teams_auditentry USING btree (actor_id, id);
CREATE INDEX audit_by_resource ON teams_auditentry USING btree (resource_id, id);
CREATE INDEX audit_by_type ON teams_auditentry USING btree (team_id, resource_type, id);
CREATE INDEX audit_of_team ON teams_auditentry USING btree (team_id, id);
CREATE INDEX teams_auditentry_id_d6d7191b_like ON teams_auditentry USING btree (id text_pattern_ops);

CREATE TABLE teams_configversion (
    id smallint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT config_version_one_row CHECK ((id = 1))
);
ALTER TABLE ONLY teams_configversion
    ADD CONSTRAINT teams_configversion_pkey PRIMARY KEY (id);

CREATE TABLE teams_invitation (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    email character varying(254) NOT NULL,
    role character varying(10) NOT NULL,
    digest character varying(64) NOT NULL,
    invited_by_id text NOT NULL COLLATE "C",
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY teams_invitation
    ADD CONSTRAINT invitation_once UNIQUE (team_id, email);
ALTER TABLE ONLY teams_invitation
    ADD CONSTRAINT teams_invitation_digest_key UNIQUE (digest);
ALTER TABLE ONLY teams_invitation
    ADD CONSTRAINT teams_invitation_pkey PRIMARY KEY (id);
CREATE INDEX teams_invitation_digest_927edeea_like ON teams_invitation USING btree (digest varchar_pattern_ops);
CREATE INDEX teams_invitation_id_8d11d5c7_like ON teams_invitation USING btree (id text_pattern_ops);
CREATE INDEX teams_invitation_invited_by_id_41547d4c ON teams_invitation USING btree (invited_by_id);
CREATE INDEX teams_invitation_invited_by_id_41547d4c_like ON teams_invitation USING btree (invited_by_id text_pattern_ops);
CREATE INDEX teams_invitation_team_id_a2bdbbfc ON teams_invitation USING btree (team_id);
CREATE INDEX teams_invitation_team_id_a2bdbbfc_like ON teams_invitation USING btree (team_id text_pattern_ops);
ALTER TABLE ONLY teams_invitation
    ADD CONSTRAINT teams_invitation_invited_by_id_41547d4c_fk_teams_user_id FOREIGN KEY (invited_by_id) REFERENCES teams_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY teams_invitation
    ADD CONSTRAINT teams_invitation_team_id_a2bdbbfc_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE teams_membership (
    id bigint NOT NULL,
    team_id text NOT NULL COLLATE "C",
    user_id text NOT NULL COLLATE "C",
    role character varying(10) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE teams_membership ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME teams_membership_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY teams_membership
    ADD CONSTRAINT membership_once UNIQUE (team_id, user_id);
ALTER TABLE ONLY teams_membership
    ADD CONSTRAINT teams_membership_pkey PRIMARY KEY (id);
CREATE INDEX teams_membership_team_id_d18da3f9 ON teams_membership USING btree (team_id);
CREATE INDEX teams_membership_team_id_d18da3f9_like ON teams_membership USING btree (team_id text_pattern_ops);
CREATE INDEX teams_membership_user_id_b6b997fa ON teams_membership USING btree (user_id);
CREATE INDEX teams_membership_user_id_b6b997fa_like ON teams_membership USING btree (user_id text_pattern_ops);
ALTER TABLE ONLY teams_membership
    ADD CONSTRAINT teams_membership_team_id_d18da3f9_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY teams_membership
    ADD CONSTRAINT teams_membership_user_id_b6b997fa_fk_teams_user_id FOREIGN KEY (user_id) REFERENCES teams_user(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE teams_projectsecrets (
    team_id text NOT NULL COLLATE "C",
    api_key text NOT NULL,
    api_key_id text NOT NULL,
    api_key_digest character varying(64) NOT NULL,
    api_key_created_at timestamp with time zone NOT NULL,
    api_key_rotated_at timestamp with time zone,
    signing_secret text NOT NULL,
    signing_secret_id text NOT NULL,
    signing_secret_created_at timestamp with time zone NOT NULL,
    signing_secret_rotated_at timestamp with time zone,
    previous_signing_secret text,
    previous_valid_until timestamp with time zone,
    version bigint NOT NULL
);
ALTER TABLE ONLY teams_projectsecrets
    ADD CONSTRAINT teams_projectsecrets_api_key_digest_key UNIQUE (api_key_digest);
ALTER TABLE ONLY teams_projectsecrets
    ADD CONSTRAINT teams_projectsecrets_pkey PRIMARY KEY (team_id);
CREATE INDEX teams_projectsecrets_api_key_digest_6f8ebe0a_like ON teams_projectsecrets USING btree (api_key_digest varchar_pattern_ops);
CREATE INDEX teams_projectsecrets_team_id_2f49bee7_like ON teams_projectsecrets USING btree (team_id text_pattern_ops);
CREATE INDEX teams_projectsecrets_version_51272f88 ON teams_projectsecrets USING btree (version);
ALTER TABLE ONLY teams_projectsecrets
    ADD CONSTRAINT teams_projectsecrets_team_id_2f49bee7_fk_teams_team_id FOREIGN KEY (team_id) REFERENCES teams_team(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE teams_sessiontoken (
    id text NOT NULL COLLATE "C",
    user_id text NOT NULL COLLATE "C",
    digest character varying(64) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY teams_sessiontoken
    ADD CONSTRAINT teams_sessiontoken_digest_key UNIQUE (digest);
ALTER TABLE ONLY teams_sessiontoken
    ADD CONSTRAINT teams_sessiontoken_pkey PRIMARY KEY (id);
CREATE INDEX teams_sessiontoken_digest_4a17f31e_like ON teams_sessiontoken USING btree (digest varchar_pattern_ops);
CREATE INDEX teams_sessiontoken_id_b9a17e0b_like ON teams_sessiontoken USING btree (id text_pattern_ops);
CREATE INDEX teams_sessiontoken_user_id_e3d798a6 ON teams_sessiontoken USING btree (user_id);
CREATE INDEX teams_sessiontoken_user_id_e3d798a6_like ON teams_sessiontoken USING btree (user_id text_pattern_ops);
ALTER TABLE ONLY teams_sessiontoken
    ADD CONSTRAINT teams_sessiontoken_user_id_e3d798a6_fk_teams_user_id FOREIGN KEY (user_id) REFERENCES teams_user(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE teams_team (
    id text NOT NULL COLLATE "C",
    name character varying(155) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY teams_team
    ADD CONSTRAINT teams_team_pkey PRIMARY KEY (id);
CREATE INDEX teams_team_id_e4ee0f26_like ON teams_team USING btree (id text_pattern_ops);

CREATE TABLE teams_user (
    id text NOT NULL COLLATE "C",
    email character varying(254) NOT NULL,
    name character varying(155) NOT NULL,
    password character varying(128) NOT NULL,
    is_active boolean NOT NULL,
    is_staff boolean NOT NULL,
    is_superuser boolean NOT NULL,
    last_login timestamp with time zone,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY teams_user
    ADD CONSTRAINT teams_user_email_key UNIQUE (email);
ALTER TABLE ONLY teams_user
    ADD CONSTRAINT teams_user_pkey PRIMARY KEY (id);
CREATE INDEX teams_user_email_2272e2c5_like ON teams_user USING btree (email varchar_pattern_ops);
CREATE INDEX teams_user_id_3dc41b80_like ON teams_user USING btree (id text_pattern_ops);

CREATE TABLE teams_user_groups (
    id bigint NOT NULL,
    user_id text NOT NULL COLLATE "C",
    group_id integer NOT NULL
);
ALTER TABLE teams_user_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME teams_user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY teams_user_groups
    ADD CONSTRAINT teams_user_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY teams_user_groups
    ADD CONSTRAINT teams_user_groups_user_id_group_id_6e4c14a1_uniq UNIQUE (user_id, group_id);
CREATE INDEX teams_user_groups_group_id_9bf795ce ON teams_user_groups USING btree (group_id);
CREATE INDEX teams_user_groups_user_id_49e6ed0f ON teams_user_groups USING btree (user_id);
CREATE INDEX teams_user_groups_user_id_49e6ed0f_like ON teams_user_groups USING btree (user_id text_pattern_ops);
ALTER TABLE ONLY teams_user_groups
    ADD CONSTRAINT teams_user_groups_group_id_9bf795ce_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY teams_user_groups
    ADD CONSTRAINT teams_user_groups_user_id_49e6ed0f_fk_teams_user_id FOREIGN KEY (user_id) REFERENCES teams_user(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE teams_user_user_permissions (
    id bigint NOT NULL,
    user_id text NOT NULL COLLATE "C",
    permission_id integer NOT NULL
);
ALTER TABLE teams_user_user_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME teams_user_user_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY teams_user_user_permissions
    ADD CONSTRAINT teams_user_user_permissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY teams_user_user_permissions
    ADD CONSTRAINT teams_user_user_permissions_user_id_permission_id_0ac5f6a2_uniq UNIQUE (user_id, permission_id);
CREATE INDEX teams_user_user_permissions_permission_id_6eadb323 ON teams_user_user_permissions USING btree (permission_id);
CREATE INDEX teams_user_user_permissions_user_id_4c4ada2a ON teams_user_user_permissions USING btree (user_id);
CREATE INDEX teams_user_user_permissions_user_id_4c4ada2a_like ON teams_user_user_permissions USING btree (user_id text_pattern_ops);
ALTER TABLE ONLY teams_user_user_permissions
    ADD CONSTRAINT teams_user_user_perm_permission_id_6eadb323_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY teams_user_user_permissions
    ADD CONSTRAINT teams_user_user_permissions_user_id_4c4ada2a_fk_teams_user_id FOREIGN KEY (user_id) REFERENCES teams_user(id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE transformation_executions (
    id text NOT NULL COLLATE "C",
    team_id text NOT NULL COLLATE "C",
    transformation_id text NOT NULL COLLATE "C",
    connection_id text NOT NULL COLLATE "C",
    request_id text NOT NULL COLLATE "C",
    event_id text NOT NULL COLLATE "C",
    status text NOT NULL,
    error text,
    error_kind text,
    line integer,
    column_number integer,
    logs text,
    duration_us integer NOT NULL,
    cpu_us integer NOT NULL,
    after text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT transformation_executions_error_has_kind CHECK (((error IS NULL) = (error_kind IS NULL))),
    CONSTRAINT transformation_executions_failed_has_error CHECK (((status = 'FAILED'::text) = (error IS NOT NULL))),
    CONSTRAINT transformation_executions_status_is_known CHECK ((status = ANY (ARRAY['SUCCESSFUL'::text, 'FAILED'::text])))
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY transformation_executions
    ADD CONSTRAINT transformation_executions_pkey PRIMARY KEY (id);
CREATE INDEX transformation_executions_failed ON ONLY transformation_executions USING btree (transformation_id, id) WHERE (status = 'FAILED'::text);
CREATE INDEX transformation_executions_of_request ON ONLY transformation_executions USING btree (request_id, id);
CREATE INDEX transformation_executions_transformation ON ONLY transformation_executions USING btree (transformation_id, id);
