"""Tallies, column by column: thousands of points are then a few operations on columns, not many on each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

# The number of a bucket, counted from 1, and the values of the dimensions.
Key = tuple[int, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Tallies:
    """A row for each of `keys`: a sum of each name; and, if they were asked for, latencies counted by bin, from bin 0
    on. Sums whose names end in `_max` are maxima."""

    keys: Sequence[Key]
    sums: Mapping[str, Sequence[int]]
    latencies: Sequence[Sequence[int]] | None = None

    def total(self) -> Tallies:
        """All rows as one; of no rows one of zeros."""
        sums = {name: [_added_up(name, column)] for name, column in self.sums.items()}
        if self.latencies is None:
            return Tallies([(0, ())], sums)
        return Tallies([(0, ())], sums, [[sum(column) for column in zip_longest(*self.latencies, fillvalue=0)]])


def tallies_of(rows: Iterable[tuple[Any, ...]], names: Sequence[str], *, dimensions: int) -> Tallies:
    """From rows of the bucket, the dimensions and the sums, which are in the order of `names`."""
    buckets, *columns = list(zip(*rows, strict=True)) or [()] * (1 + dimensions + len(names))
    groups = zip(*columns[:dimensions], strict=True) if dimensions else [()] * len(buckets)
    return Tallies(list(zip(buckets, groups, strict=True)), dict(zip(names, columns[dimensions:], strict=True)))


def nothing(names: Iterable[str]) -> Tallies:
    """One row in which nothing was counted."""
    return Tallies([(0, ())], {name: [0] for name in names}, [()])


def _added_up(name: str, column: Sequence[int]) -> int:
    return max(column, default=0) if name.endswith("_max") else sum(column)
