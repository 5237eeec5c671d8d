"""Metric types: counters, gauges and histograms over a process's metric values. What there is stands in registry.py.

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

from fasthook.metrics.values import MetricValues

OTHER = "OTHER"
Labels = tuple[str, ...]


class Measure:
    """`places` gives the first cell of each combination of label values; with labels, OTHER is always one of them."""

    __slots__ = ("_other", "_values", "help", "labels", "name", "places", "width")

    def __init__(
        self, values: MetricValues, name: str, *, help: str, labels: Mapping[str, Sequence[str]], width: int = 1
    ) -> None:
        self.name, self.help, self.labels, self.width = name, help, tuple(labels), width
        self._values = values
        combinations = [*itertools.product(*labels.values())]
        other = (OTHER,) * len(labels)
        if labels:
            combinations.append(other)
        first = values.extend(len(combinations) * width)
        self.places: dict[Labels, int] = {
            combination: first + position * width for position, combination in enumerate(combinations)
        }
        self._other = self.places[other]


class Counter(Measure):
    """Only grows. Its name ends in _total."""

    __slots__ = ()

    def add(self, amount: float = 1, *labels: str) -> None:
        place = self.places.get(labels, self._other)
        values = self._values
        with values.lock:
            values.view[place] += amount


class Gauge(Measure):
    """What is so now, summed over living processes."""

    __slots__ = ()

    def set(self, value: float, *labels: str) -> None:
        place = self.places.get(labels, self._other)
        values = self._values
        with values.lock:
            values.view[place] = value


class Histogram(Measure):
    """One cell for what is <= each of `bounds`, one for what is above all of them, one for the sum."""

    __slots__ = ("bounds",)

    def __init__(
        self,
        values: MetricValues,
        name: str,
        *,
        help: str,
        bounds: Sequence[float],
        labels: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(values, name, help=help, labels=labels, width=len(bounds) + 2)
        self.bounds = tuple(bounds)

    def observe(self, value: float, *labels: str) -> None:
        place = self.places.get(labels, self._other)
        bucket = place + bisect_left(self.bounds, value)
        values = self._values
        with values.lock:
            values.view[bucket] += 1
            values.view[place + self.width - 1] += value

    def observe_all(self, observed: Iterable[float], *labels: str) -> None:
        """Many at once, for stages that work in batches."""
        observed = list(observed)
        place = self.places.get(labels, self._other)
        buckets = [place + bisect_left(self.bounds, value) for value in observed]
        values = self._values
        with values.lock:
            for bucket in buckets:
                values.view[bucket] += 1
            values.view[place + self.width - 1] += sum(observed)


Kind = TypeVar("Kind", bound=Measure)


class Table:
    """All measures of a process, in one order that every process of this release shares."""

    def __init__(self) -> None:
        self.values = MetricValues()
        self.measures: list[Measure] = []

    def counter(self, name: str, help: str, **labels: Sequence[str]) -> Counter:
        return self._add(Counter(self.values, name, help=help, labels=labels))

    def gauge(self, name: str, help: str, **labels: Sequence[str]) -> Gauge:
        return self._add(Gauge(self.values, name, help=help, labels=labels))

    def histogram(self, name: str, help: str, bounds: Sequence[float], **labels: Sequence[str]) -> Histogram:
        return self._add(Histogram(self.values, name, help=help, bounds=bounds, labels=labels))

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
        kept = [True] * len(self.values.view)
        for measure in self.measures:
            if isinstance(measure, Gauge):
                for place in measure.places.values():
                    kept[place] = False
        self.values.publish(folder, name, layout=self.layout, kept=kept)
