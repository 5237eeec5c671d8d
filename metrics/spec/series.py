"""Series from tallies: a point for every bucket and group, zero-filled, in order of time; and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fasthook.lib.clock import iso
from metrics.spec.latency import percentiles_ms
from metrics.spec.measures import Measure, Number
from metrics.spec.tallies import Key, Tallies, nothing

MAX_POINTS = 50_000


def make_series(
    tallies: Tallies, *, starts: Sequence[datetime], dimensions: Sequence[str], measures: Sequence[Measure]
) -> list[dict[str, Any]]:
    """Groups are what was found anywhere in the range; without dimensions there is one group, always."""
    groups = sorted({group for _, group in tallies.keys} if dimensions else {()}, key=_sortable)
    names = ("timestamp", *dimensions, *(measure.name for measure in measures))
    found = values_by_key(tallies, measures)
    empty = values_of_nothing(measures)
    series: list[dict[str, Any]] = []
    for number, start in enumerate(starts, 1):
        timestamp = iso(start)
        for group in groups:
            values = found.get((number, group), empty)
            series.append(dict(zip(names, (timestamp, *group, *values), strict=True)))
    return series


def totals_of(tallies: Tallies, measures: Sequence[Measure]) -> dict[str, Number]:
    (values,) = _values_of(tallies.total(), measures)
    return dict(zip((measure.name for measure in measures), values, strict=True))


def values_by_key(tallies: Tallies, measures: Sequence[Measure]) -> dict[Key, tuple[Number, ...]]:
    return dict(zip(tallies.keys, _values_of(tallies, measures), strict=True))


def values_of_nothing(measures: Sequence[Measure]) -> tuple[Number, ...]:
    (values,) = _values_of(nothing(name for measure in measures for name in measure.sums), measures)
    return values


def _values_of(tallies: Tallies, measures: Sequence[Measure]) -> list[tuple[Number, ...]]:
    """The measures of each row, in their order."""
    percentiles = iter(_percentiles(tallies, [measure.share for measure in measures if measure.share is not None]))
    columns: list[Sequence[Number]] = []
    for measure in measures:
        if measure.share is not None:
            columns.append(next(percentiles))
        elif measure.value is None:
            columns.append(tallies.sums[measure.sums[0]])
        else:
            columns.append(list(map(measure.value, *(tallies.sums[name] for name in measure.sums))))
    return list(zip(*columns, strict=True))


def _percentiles(tallies: Tallies, shares: Sequence[float]) -> list[Sequence[int | None]]:
    """A column for each share."""
    if not shares or tallies.latencies is None:
        return [[None] * len(tallies.keys)] * len(shares)
    longest = tallies.sums["latency_max"]
    rows = [
        percentiles_ms(counts, shares, longest_ms=longest_ms)
        for counts, longest_ms in zip(tallies.latencies, longest, strict=True)
    ]
    return list(zip(*rows, strict=True)) if rows else [()] * len(shares)


def _sortable(group: tuple[Any, ...]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is not None, str(value)) for value in group)
