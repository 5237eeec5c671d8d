"""Exposition: the metric values of processes as Prometheus families. Counts add up over all processes, the dead ones
included; gauges only over those that live.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from fasthook.metrics.registry import PROCESSES
from fasthook.metrics.types import OTHER, Gauge, Histogram, Labels, Measure, Table
from fasthook.metrics.values import Published, read_published
from metrics.prometheus.processes import process_samples


class Instruments(Collector):
    """The table's measures over every process that published in `folder`, and those processes themselves."""

    def __init__(self, table: Table, folder: Path) -> None:
        self._table = table
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        published = self._published()
        counted = _added([each.values for each in published])
        living = _added([each.values for each in published if each.is_alive])
        for measure in self._table.measures:
            yield _family(measure, living if isinstance(measure, Gauge) else counted)
        yield _living_processes(published)
        yield from process_samples([each for each in published if each.is_alive])

    def _published(self) -> list[Published]:
        """A process that could not publish still answers for itself."""
        own = Published("unpublished", 0, is_alive=True, values=self._table.values.view.tolist())
        try:
            published = read_published(self._folder, layout=self._table.layout, count=len(own.values))
        except OSError:
            return [own]
        return published if self._table.values.is_published else [*published, own]


def _added(arrays: Sequence[Sequence[float]]) -> Sequence[float]:
    return [sum(values) for values in zip(*arrays, strict=True)]


def _family(measure: Measure, values: Sequence[float]) -> Metric:
    family: Metric
    if isinstance(measure, Histogram):
        family = HistogramMetricFamily(measure.name, measure.help, labels=measure.labels)
        for labels, place in _shown(measure, values):
            counts = values[place : place + measure.width - 1]
            family.add_metric(labels, _buckets(measure.bounds, counts), values[place + measure.width - 1])
        return family
    kind = GaugeMetricFamily if isinstance(measure, Gauge) else CounterMetricFamily
    family = kind(measure.name, measure.help, labels=measure.labels)
    for labels, place in _shown(measure, values):
        family.add_metric(labels, values[place])
    return family


def _shown(measure: Measure, values: Sequence[float]) -> Iterator[tuple[Labels, int]]:
    """Every declared combination from the start, so that rates begin at zero; OTHER only when it was needed."""
    for labels, place in measure.places.items() if values else ():
        if OTHER not in labels or any(values[place : place + measure.width]):
            yield labels, place


def _buckets(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    """Cumulative, as the format wants them, ending in +Inf."""
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    total = 0.0
    buckets = []
    for name, count in zip(names, counts, strict=True):
        total += count
        buckets.append((name, total))
    return buckets


def _living_processes(published: Iterable[Published]) -> Metric:
    living: Mapping[str, int] = Tally(each.name for each in published if each.is_alive)
    family = GaugeMetricFamily(
        "fasthook_processes", "Living processes that share this data folder.", labels=["process"]
    )
    for name in sorted({*PROCESSES, *living}):
        family.add_metric([name], living.get(name, 0))
    return family
