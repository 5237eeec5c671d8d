"""From tallies to an answer: a point for every bucket and group, zero-filled, in order of time; and the totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fasthook.lib.clock import iso
from metrics.spec.measures import Measure, Tally

# The number of a bucket, counted from 1, and the values of the dimensions.
Key = tuple[int, tuple[Any, ...]]

MAX_POINTS = 50_000


def make_series(
    tallies: Mapping[Key, Tally],
    *,
    starts: Sequence[datetime],
    dimensions: Sequence[str],
    measures: Sequence[Measure],
) -> list[dict[str, Any]]:
    """Groups are what was found anywhere in the range; without dimensions there is one group, always."""
    groups = sorted({group for _, group in tallies} if dimensions else {()}, key=_sortable)
    named = [(group, dict(zip(dimensions, group, strict=True))) for group in groups]
    nothing = values_of(Tally(), measures)
    series: list[dict[str, Any]] = []
    for number, start in enumerate(starts, 1):
        timestamp = iso(start)
        for group, names in named:
            tally = tallies.get((number, group))
            values = nothing if tally is None else values_of(tally, measures)
            series.append({"timestamp": timestamp, **names, **values})
    return series


def total_of(tallies: Mapping[Key, Tally]) -> Tally:
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    return total


def values_of(tally: Tally, measures: Sequence[Measure]) -> dict[str, Any]:
    return {measure.name: measure.value(tally) for measure in measures}


def _sortable(group: tuple[Any, ...]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is not None, str(value)) for value in group)
