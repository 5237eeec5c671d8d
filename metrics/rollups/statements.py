"""The statements that fill rollups, made from `tables.py`. Placeholders are psycopg's, all names are ours.

What is added up always has one shape: at, team_id, the keys, the sums, and for latencies the bin of the histogram.
`_added_up` makes rollup rows of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from metrics.rollups.tables import DETAILED_TOTAL, HOUR, MINUTE, TOTAL, Rollup


def count_minutes(rollup: Rollup) -> str:
    """From evidence: each minute of `at` is what has an id from `low` to before `high`; the team's totals too."""
    keys = ", ".join(f"{sql} AS {name}" for name, sql in rollup.keys.items())
    sums = ", ".join(f"{sql} AS {name}" for name, sql in rollup.sums.items())
    latency_bin = ", metrics_latency_bin(row.latency) AS bin" if rollup.has_latency else ""
    rows = f"""
        SELECT span.at, counted.*
        FROM unnest(%(at)s::timestamptz[], %(low)s::text[], %(high)s::text[]) AS span (at, low, high)
        CROSS JOIN LATERAL (
            SELECT row.team_id, {keys}, {sums}{latency_bin}
            FROM {rollup.evidence} AS row
            WHERE row.id >= span.low AND row.id < span.high AND row.id >= %(first)s AND row.id < %(last)s
        ) AS counted"""
    own = ["at", "team_id", *rollup.keys, *_bin(rollup)]
    detailed = [name for name in own if name not in rollup.wide]
    total = [name for name in detailed if name not in rollup.details]
    sets = ", ".join(f"({', '.join(names)})" for names in (own, detailed, total))
    return _insert(rollup, MINUTE, rows, f"GROUPING SETS ({sets})", with_totals=True)


def count_hours(rollup: Rollup) -> str:
    """From minutes: the hours that begin from `first` to before `last`."""
    rows = f"""
        SELECT date_trunc('hour', at, 'UTC') AS at, team_id, {", ".join(rollup.keys)}, {_exploded(rollup, "minute")}
        WHERE minute.at >= %(first)s AND minute.at < %(last)s"""
    return _insert(rollup, HOUR, rows, ", ".join(["at", "team_id", *rollup.keys, *_bin(rollup)]))


def fold_late(rollup: Rollup) -> str:
    """Adds up to `limit` late differences from before `counted_before` to their minutes and, if complete, hours.

    Returns how many.
    """
    keys, sums = ", ".join(rollup.keys), ", ".join([*rollup.sums, *_bin(rollup)])
    totals = dict.fromkeys(rollup.wide, "''")
    detailed = {**totals, rollup.owner: f"'{DETAILED_TOTAL}'"}
    plain = {**totals, **dict.fromkeys(rollup.details, "NULL")}
    hour = "date_trunc('hour', at, 'UTC')"
    return f"""
    WITH gone AS (
        DELETE FROM {rollup.late} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {rollup.late} WHERE at < %(counted_before)s LIMIT %(limit)s
        ))
        RETURNING at, team_id, {keys}, {sums}
    ), by_minute AS (
        SELECT at, team_id, {keys}, {sums} FROM gone
        UNION ALL
        SELECT at, team_id, {_replaced(rollup, detailed)}, {sums} FROM gone
        UNION ALL
        SELECT at, team_id, {_replaced(rollup, plain)}, {sums} FROM gone
    ), by_hour AS (
        SELECT {hour} AS at, team_id, {keys}, {sums} FROM by_minute
        WHERE {hour} + interval '1 hour' <= %(counted_before)s
    ), {_fold_into(rollup, MINUTE)}, {_fold_into(rollup, HOUR)}
    SELECT count(*) FROM gone"""


def _replaced(rollup: Rollup, values: Mapping[str, str]) -> str:
    return ", ".join(values.get(name, name) for name in rollup.keys)


def _fold_into(rollup: Rollup, step: str) -> str:
    """The rows of the touched owners are replaced by what they and the differences make together."""
    keys, sums = ", ".join(rollup.keys), ", ".join([*rollup.sums, *_bin(rollup)])
    rows = f"""
        SELECT at, team_id, {keys}, {sums} FROM by_{step}
        UNION ALL
        SELECT at, team_id, {keys}, {_exploded(rollup, step, "replaced_" + step)}"""
    grouping = ", ".join(["at", "team_id", *rollup.keys, *_bin(rollup)])
    return f"""replaced_{step} AS (
        DELETE FROM {rollup.table(step)} AS old
        USING (SELECT DISTINCT at, team_id, {rollup.owner} FROM by_{step}) AS touched
        WHERE old.at = touched.at AND old.team_id = touched.team_id AND old.{rollup.owner} = touched.{rollup.owner}
        RETURNING old.*
    ), folded_{step} AS ({_insert(rollup, step, rows, grouping)}
    )"""


def _exploded(rollup: Rollup, alias: str, table: str = "") -> str:
    """The sums of rollup rows, and FROM: with latencies a row for each bin, the other sums in the first of them."""
    source = f"{table or rollup.table(alias)} AS {alias}"
    if not rollup.has_latency:
        return f"{', '.join(rollup.sums)} FROM {source}"
    firsts = [f"CASE WHEN place = 1 THEN {name} ELSE 0 END AS {name}" for name in rollup.sums if name != "n"]
    return (
        f"binned.n::bigint AS n, {', '.join(firsts)}, binned.bin FROM {source}"
        " CROSS JOIN LATERAL unnest(bins, counts) WITH ORDINALITY AS binned (bin, n, place)"
    )


def _insert(rollup: Rollup, step: str, rows: str, grouping: str, *, with_totals: bool = False) -> str:
    keys = ["at", "team_id", *rollup.keys]
    columns = [*keys, *rollup.sums, *(("bins", "counts") if rollup.has_latency else ())]
    return f"""
    INSERT INTO {rollup.table(step)} ({", ".join(columns)})
    {_added_up(rollup, rows, grouping, with_totals=with_totals)}"""


def _added_up(rollup: Rollup, rows: str, grouping: str, *, with_totals: bool) -> str:
    keys = ["at", "team_id", *rollup.keys]
    if with_totals:
        # A key of owners is NULL where the grouping left it out, and nowhere else.
        left_out = {name: f"coalesce({name}, '') AS {name}" for name in rollup.wide}
        left_out[rollup.owner] = (
            f"coalesce({rollup.owner}, CASE WHEN grouping({rollup.details[0]}) = 0 THEN '{DETAILED_TOTAL}'"
            f" ELSE '{TOTAL}' END) AS {rollup.owner}"
        )
        keys = ["at", "team_id", *(left_out.get(name, name) for name in rollup.keys)]
    sums = [f"{_aggregate(name)} AS {name}" for name in rollup.sums]
    grouped = f"""SELECT {", ".join([*keys, *sums, *_bin(rollup)])}
    FROM ({rows}
    ) AS counted
    GROUP BY {grouping}"""
    # Differences come in any order, so a count of none may still carry a sum that the next of them takes away.
    something = " OR ".join(f"sum({name}) <> 0" for name in rollup.sums if not name.endswith("_max"))
    if not rollup.has_latency:
        return f"{grouped} HAVING {something}"
    plain = ", ".join(["at", "team_id", *rollup.keys])
    return f"""SELECT {plain}, {", ".join(_aggregate(name) for name in rollup.sums)},
        array_agg(bin ORDER BY bin), array_agg(n::int ORDER BY bin)
    FROM ({grouped}) AS binned
    GROUP BY {plain}
    HAVING {something} OR bool_or(n <> 0)"""


def _aggregate(name: str) -> str:
    return f"{'max' if name.endswith('_max') else 'sum'}({name})"


def _bin(rollup: Rollup) -> tuple[str, ...]:
    return ("bin",) if rollup.has_latency else ()
