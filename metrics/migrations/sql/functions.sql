-- What a row of evidence or of a rollup says, as SQL works it out.

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

-- The histogram of a row once more, as series read it: a count of every bin from the highest down to the lowest, 32
-- bits each, shifted so that none is negative (a difference may be folded in before what it takes away from). One
-- number to code that adds up thousands of them; arrays are sent and read element by element. metrics/spec/latency.py
-- reads it.

CREATE FUNCTION metrics_packed(bins smallint[], counts integer[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(int4send(coalesce(n, 0) # '-2147483648'::integer), '' ORDER BY bin DESC)
    FROM generate_series(bins[1]::integer, bins[cardinality(bins)]::integer) AS every (bin)
    LEFT JOIN unnest(bins, counts) AS held (bin, n) USING (bin)
$$;
