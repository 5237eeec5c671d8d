"""A census of a selection: its events or requests per connection and destination, counted up to a bound, then
estimated.

Counting goes through each part in the order of its index. Beyond the bound the rest is taken to lie as densely as what
was counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection

from events.bulk.selection import Rows, Selection
from events.evidence.bounded_reads import bounded_read
from events.models.bulk import BulkKind
from fasthook.lib.ids import time_of

COUNT_UP_TO: Final = 250_000
# (connection, destination) of events; of requests (source, "").
Target = tuple[str, str]


@dataclass(slots=True)
class Census:
    """Estimated when not `exact`."""

    targets: Counter[Target] = field(default_factory=Counter)
    exact: bool = True

    @property
    def total(self) -> int:
        return self.targets.total()


def take_census(selection: Selection) -> Census:
    """InvalidInput RANGE_TOO_WIDE when counting takes too long."""
    census = Census()
    columns = (
        ("source_id", "id") if selection.kind is BulkKind.REQUEST_RETRY else ("connection_id", "destination_id", "id")
    )
    for part in selection.found:
        counts, last_id = _count(part, columns)
        share = 1.0
        if counts.total() > COUNT_UP_TO and last_id:
            census.exact = False
            share = _share(selection.time_range.first, selection.time_range.last, time_of(last_id))
        for target, count in counts.items():
            census.targets[target] += round(count / share)
    return census


def _count(part: Rows, columns: tuple[str, ...]) -> tuple[Counter[Target], str]:
    """By target, up to one more than COUNT_UP_TO rows, and the last id that was counted."""
    rows = part.order_by("id").values_list(*columns)[: COUNT_UP_TO + 1]
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return Counter(), ""
    target = ", ".join(columns[:-1])
    statement = f"SELECT {target}, count(*), max(id) FROM ({sql}) AS counted ({target}, id) GROUP BY {target}"  # noqa: S608 - ours
    with bounded_read(), connection.cursor() as cursor:
        cursor.execute(statement, params)
        found: list[Any] = cursor.fetchall()
    counts: Counter[Target] = Counter({(row[0], row[1] if len(columns) > 2 else ""): row[-2] for row in found})
    return counts, max((row[-1] for row in found), default="")


def _share(first: datetime, last: datetime, reached: datetime) -> float:
    """Which share of the range has been counted through, at least a thousandth."""
    whole = (last - first).total_seconds()
    return min(1.0, max(0.001, (reached - first).total_seconds() / whole)) if whole > 0 else 1.0
