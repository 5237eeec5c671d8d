-- The histogram of a row once more, as series read it: a count of every bin from the highest down to the lowest, 32 bits
-- each, shifted so that none is negative (a difference may be folded in before what it takes away from). One number to
-- whoever adds up thousands of them; arrays are sent and read element by element. metrics/spec/latency.py reads it.

CREATE FUNCTION metrics_packed(bins smallint[], counts integer[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(int4send(coalesce(n, 0) # '-2147483648'::integer), '' ORDER BY bin DESC)
    FROM generate_series(bins[1]::integer, bins[cardinality(bins)]::integer) AS every (bin)
    LEFT JOIN unnest(bins, counts) AS held (bin, n) USING (bin)
$$;
