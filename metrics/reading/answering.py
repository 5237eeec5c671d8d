"""The answer to a question: one snapshot, one statement for the sums, one more for percentiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction

from fasthook.lib.errors import InvalidInput, invalid
from metrics.reading.parts import Part, make_parts
from metrics.reading.question import Question
from metrics.rollups.state import counted_before
from metrics.spec.latency import counts_by_bin, loose_histogram, packed_histogram
from metrics.spec.series import MAX_POINTS
from metrics.spec.tallies import Key, Tallies, tallies_of

MAX_READ_S = 10

# What a sum is, over the columns that all parts have.
_SUMS = {
    "requests": {
        "count": "sum(n)",
        "accepted": "sum(n) FILTER (WHERE status = 'accepted')",
        "rejected": "sum(n) FILTER (WHERE status = 'rejected')",
        "discarded": "sum(discarded)",
    },
    # Ignored branches never were deliveries: only `ignored` counts them. They all are CANCELLED.
    "events": {
        "count": "sum(n) FILTER (WHERE NOT ignored)",
        "attempts": "sum(attempts) FILTER (WHERE NOT ignored)",
        "delivered": "sum(n) FILTER (WHERE status = 'SUCCESSFUL')",
        "failed": "sum(n) FILTER (WHERE status = 'FAILED')",
        "queued": "sum(n) FILTER (WHERE status = 'QUEUED')",
        "scheduled": "sum(n) FILTER (WHERE status = 'SCHEDULED')",
        "hold": "sum(n) FILTER (WHERE status = 'HOLD')",
        "cancelled": "sum(n) FILTER (WHERE status = 'CANCELLED' AND NOT ignored)",
        "ignored": "sum(n) FILTER (WHERE ignored)",
    },
    "attempts": {
        "count": "sum(n)",
        "successful": "sum(n) FILTER (WHERE status = 'SUCCESSFUL')",
        "failed": "sum(n) FILTER (WHERE status = 'FAILED')",
        "latency_sum": "sum(latency_sum)",
        "latency_max": "max(latency_max)",
    },
}
# Columns of parts that a filter of these sums looks at.
_TOLD_APART_BY = {"requests": ("status",), "events": ("status", "ignored"), "attempts": ("status",)}


def answer(question: Question) -> Tallies:
    """The buckets and groups that have anything. InvalidInput when it would be too much to read."""
    with _one_snapshot():
        parts, params = make_parts(question, counted_before=counted_before())
        rows = _fetch(_sums_statement(question, parts), params)
        if len(rows) > MAX_POINTS:
            raise too_many_points()
        tallies = tallies_of(rows, question.sums, dimensions=len(question.dimensions))
        if question.wants_latencies:
            tallies = replace(tallies, latencies=_latencies(question, parts, params, tallies.keys))
    return tallies


def _latencies(
    question: Question, parts: Sequence[Part], params: Mapping[str, Any], keys: Sequence[Key]
) -> list[Sequence[int]]:
    """Of each of the keys, by bin."""
    histograms = dict.fromkeys(keys, 0)
    width = 1 + len(question.dimensions)
    for row in _fetch(_bins_statement(question, parts), params, binary=True):
        packed, lowest, bins, counts = row[width:]
        added = loose_histogram(bins, counts) if packed is None else packed_histogram(packed, lowest)
        histograms[row[0], row[1:width]] += added
    return [counts_by_bin(histogram) for histogram in histograms.values()]


def too_many_points() -> InvalidInput:
    return invalid(
        "dimensions[]",
        f"makes more than {MAX_POINTS} points (buckets times groups); ask for fewer dimensions, a coarser granularity"
        " or a shorter range, or filter",
    )


def _sums_statement(question: Question, parts: Sequence[Part]) -> str:
    name = question.resource.name
    keys = list(dict.fromkeys((*question.dimensions, *_TOLD_APART_BY[name])))
    sums = list(dict.fromkeys(total for part in parts for total in part.sums))
    if "discarded" in question.sums and "discarded" not in sums:
        # A filter that what was discarded cannot meet.
        sums.append("discarded")
    selects = [
        f"SELECT {part.bucket} AS bucket, "
        + ", ".join([*(f"{part.keys[key]} AS {key}" for key in keys), *(_sum(part, total) for total in sums)])
        + f" {part.body}"
        for part in parts
    ]
    wanted = ", ".join(f"coalesce({_SUMS[name][total]}, 0)::bigint" for total in question.sums)
    grouped = ", ".join(["bucket", *question.dimensions])
    return f"""WITH bound AS (SELECT %(starts)s::timestamptz[] AS starts)
    SELECT {grouped}, {wanted} FROM ({" UNION ALL ".join(selects)}) AS counted
    GROUP BY {grouped} HAVING {" OR ".join(f"sum({total}) <> 0" for total in sums)} LIMIT {MAX_POINTS + 1}"""


def _sum(part: Part, name: str) -> str:
    return f"({part.sums.get(name, '0')})::bigint AS {name}"


def _bins_statement(question: Question, parts: Sequence[Part]) -> str:
    """Histograms of rollups as they are, since adding them up in Python costs less than taking them apart in SQL."""
    grouped = ", ".join(["bucket", *question.dimensions])
    selects = []
    for part in parts:
        keys = "".join(f", {part.keys[name]} AS {name}" for name in question.dimensions)
        if part.has_histograms:
            selects.append(
                f"SELECT {part.bucket} AS bucket{keys}, row.histogram, row.bins[1], NULL::smallint[], NULL::int[]"
                f" {part.body}"
            )
        elif part.bin:
            n = part.sums["n"]
            selects.append(
                f"SELECT {grouped}, NULL::bytea, NULL::smallint, array_agg(bin), array_agg(n) FROM ("
                f"SELECT {part.bucket} AS bucket{keys}, {part.bin} AS bin, sum({n})::int AS n {part.body}"
                f" GROUP BY {', '.join(str(place) for place in range(1, len(question.dimensions) + 3))}"
                f") AS binned GROUP BY {grouped}"
            )
    return f"WITH bound AS (SELECT %(starts)s::timestamptz[] AS starts) {' UNION ALL '.join(selects)}"


def _fetch(statement: str, params: Mapping[str, Any], *, binary: bool = False) -> list[tuple[Any, ...]]:
    """Histograms are read faster from Postgres's binary form, which Django's cursors do not ask for."""
    if not binary:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, params, binary=True).fetchall()


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Where rollups end and what the rows are must be seen at the same moment. A caller's transaction is left as it is:
    the caller then answers for what changes meanwhile."""
    is_outermost = not connection.in_atomic_block
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                if is_outermost:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute(f"SET LOCAL statement_timeout = {int(MAX_READ_S * 1000)}; SET LOCAL jit = off")
            yield
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
        raise InvalidInput(
            f"this takes longer than {MAX_READ_S} s: ask for a shorter range or a coarser granularity",
            code="RANGE_TOO_WIDE",
            fields={"date_range[start]": ["the range is too wide"]},
        ) from None
