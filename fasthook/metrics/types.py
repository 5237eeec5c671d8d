"""Counters, gauges and histograms over a process's cells. What there is to measure is said in instruments.py.

Counting costs a dictionary look-up and an addition under a lock. Labels are closed sets, declared with their values: a
value that was not declared counts as OTHER instead of failing the work that is being counted.
"""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from fasthook.metrics.values import Cells

OTHER = "OTHER"
Labels = tuple[str, ...]


class Measure:
    """`places` gives the first cell of each combination of label values; with labels, OTHER is always one of them."""

    __slots__ = ("_cells", "_other", "help", "labels", "name", "places", "width")

    def __init__(
        self, cells: Cells, name: str, *, help: str, labels: Mapping[str, Sequence[str]], width: int = 1
    ) -> None:
        self.name, self.help, self.labels, self.width = name, help, tuple(labels), width
        self._cells = cells
        combinations = [*itertools.product(*labels.values())]
        other = (OTHER,) * len(labels)
        if labels:
            combinations.append(other)
        first = cells.extend(len(combinations) * width)
        self.places: dict[Labels, int] = {
            combination: first + position * width for position, combination in enumerate(combinations)
        }
        self._other = self.places[other]


class Counter(Measure):
    """Only grows. Its name ends in _total."""

    __slots__ = ()

    def add(self, amount: float = 1, *labels: str) -> None:
        place = self.places.get(labels, self._other)
        cells = self._cells
        with cells.lock:
            cells.view[place] += amount


class Gauge(Measure):
    """What is so now, summed over living processes."""

    __slots__ = ()

    def set(self, value: float, *labels: str) -> None:
        place = self.places.get(labels, self._other)
        cells = self._cells
        with cells.lock:
            cells.view[place] = value


class Histogram(Measure):
    """One cell for what is <= each of `bounds`, one for what is above all of them, one for the sum."""

    __slots__ = ("bounds",)

    def __init__(
        self, cells: Cells, name: str, *, help: str, bounds: Sequence[float], labels: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__(cells, name, help=help, labels=labels, width=len(bounds) + 2)
        self.bounds = tuple(bounds)

    def observe(self, value: float, *labels: str) -> None:
        place = self.places.get(labels, self._other)
        bucket = place + bisect_left(self.bounds, value)
        cells = self._cells
        with cells.lock:
            cells.view[bucket] += 1
            cells.view[place + self.width - 1] += value

    def observe_all(self, values: Iterable[float], *labels: str) -> None:
        """Many at once, for stages that work in batches."""
        values = list(values)
        place = self.places.get(labels, self._other)
        buckets = [place + bisect_left(self.bounds, value) for value in values]
        cells = self._cells
        with cells.lock:
            for bucket in buckets:
                cells.view[bucket] += 1
            cells.view[place + self.width - 1] += sum(values)


Kind = TypeVar("Kind", bound=Measure)


class Table:
    """All measures of a process, in one order that every process of this release shares."""

    def __init__(self) -> None:
        self.cells = Cells()
        self.measures: list[Measure] = []

    def counter(self, name: str, help: str, **labels: Sequence[str]) -> Counter:
        return self._add(Counter(self.cells, name, help=help, labels=labels))

    def gauge(self, name: str, help: str, **labels: Sequence[str]) -> Gauge:
        return self._add(Gauge(self.cells, name, help=help, labels=labels))

    def histogram(self, name: str, help: str, bounds: Sequence[float], **labels: Sequence[str]) -> Histogram:
        return self._add(Histogram(self.cells, name, help=help, bounds=bounds, labels=labels))

    def _add(self, measure: Kind) -> Kind:
        self.measures.append(measure)
        return measure

    @property
    def layout(self) -> str:
        """Equal where every cell means the same."""
        meaning = [(type(each).__name__, each.name, each.places, getattr(each, "bounds", ())) for each in self.measures]
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:12]

    def publish(self, folder: Path, name: str) -> None:
        """From now on others read in `folder` what this process counts. OSError when it cannot be written."""
        kept = [True] * len(self.cells.view)
        for measure in self.measures:
            if isinstance(measure, Gauge):
                for place in measure.places.values():
                    kept[place] = False
        self.cells.publish(folder, name, layout=self.layout, kept=kept)
