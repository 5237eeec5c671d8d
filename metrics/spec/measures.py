"""What can be measured of each resource: measures, dimensions, and the sums that measures are made of.

Counts and rates of nothing are 0; averages, percentiles and maxima of nothing are None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from metrics.spec.latency import Ranks, percentile_ms, rank

Number = int | float | None


@dataclass(slots=True)
class Tally:
    """Sums by name, and the bins of the latency histogram. Names that end in `_max` are maxima."""

    sums: dict[str, int] = field(default_factory=dict)
    bins: dict[int, int] = field(default_factory=dict)
    _ranks: Ranks | None = None

    def of(self, name: str) -> int:
        return self.sums.get(name, 0)

    def add(self, other: Tally) -> None:
        for name, value in other.sums.items():
            mine = self.sums.get(name, 0)
            self.sums[name] = max(mine, value) if name.endswith("_max") else mine + value
        self.add_bins(dict(other.bins))

    def add_bins(self, bins: dict[int, int]) -> None:
        """Takes the dict over. The shorter is added to the longer one: there may be hundreds of thousands of bins."""
        mine, self._ranks = self.bins, None
        if len(bins) > len(mine):
            mine, bins = bins, mine
        for number, count in bins.items():
            mine[number] = mine.get(number, 0) + count
        self.bins = mine

    def percentile_ms(self, share: float) -> int | None:
        if self._ranks is None:
            self._ranks = rank(self.bins)
        return percentile_ms(self._ranks, share, longest_ms=self.of("latency_max"))


@dataclass(frozen=True, slots=True)
class Measure:
    """`sums` are what it is made of; `is_exact` is False when it comes out of the histogram."""

    name: str
    sums: tuple[str, ...]
    value: Callable[[Tally], Number]
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Resource:
    """`dimensions` are also filters; `filters` are the names beyond them."""

    name: str
    measures: Mapping[str, Measure]
    dimensions: tuple[str, ...]
    filters: tuple[str, ...]


def _count(name: str, of: str | None = None) -> Measure:
    wanted = of or name.removesuffix("_count")
    return Measure(name, (wanted,), lambda tally: tally.of(wanted))


def _rate(name: str, part: str, *whole: str) -> Measure:
    def value(tally: Tally) -> Number:
        total = sum(tally.of(each) for each in whole)
        return round(tally.of(part) / total, 6) if total else 0.0

    return Measure(name, tuple(dict.fromkeys((part, *whole))), value)


def _average(name: str, total: str) -> Measure:
    def value(tally: Tally) -> Number:
        count = tally.of("count")
        return round(tally.of(total) / count, 3) if count else None

    return Measure(name, ("count", total), value)


def _largest(name: str) -> Measure:
    return Measure(name, ("count", name), lambda tally: tally.of(name) if tally.of("count") else None)


def _percentile(name: str, share: float) -> Measure:
    def value(tally: Tally, wanted: float) -> Number:
        return tally.percentile_ms(wanted)

    return Measure(name, ("latency_max",), partial(value, wanted=share), is_exact=False)


def _named(*measures: Measure) -> dict[str, Measure]:
    return {measure.name: measure for measure in measures}


REQUESTS = Resource(
    "requests",
    _named(_count("count"), _count("accepted_count"), _count("rejected_count"), _count("discarded_count")),
    dimensions=("source_id", "status", "rejection_cause", "verified", "is_retry"),
    filters=("batch_operation_id",),
)
EVENTS = Resource(
    "events",
    _named(
        _count("count"),
        *[
            _count(f"{name}_count")
            for name in ("delivered", "failed", "queued", "scheduled", "hold", "cancelled", "ignored")
        ],
        _rate("error_rate", "failed", "failed", "delivered"),
        _average("avg_attempts", "tries"),
    ),
    dimensions=(
        "source_id",
        "connection_id",
        "destination_id",
        "status",
        "error_code",
        "response_status",
        "ignored_cause",
    ),
    filters=("request_id", "batch_operation_id"),
)
ATTEMPTS = Resource(
    "attempts",
    _named(
        _count("count"),
        _count("successful_count"),
        _count("failed_count"),
        _rate("error_rate", "failed", "count"),
        _average("latency_avg", "latency_sum"),
        _percentile("latency_p50", 0.50),
        _percentile("latency_p95", 0.95),
        _percentile("latency_p99", 0.99),
        _largest("latency_max"),
    ),
    dimensions=("connection_id", "destination_id", "status", "error_code", "response_status", "trigger"),
    filters=("event_id", "batch_operation_id"),
)
QUEUE = Resource(
    "queue",
    _named(_count("depth", of="depth_max"), _count("oldest_age", of="oldest_age_max")),
    dimensions=("destination_id",),
    filters=(),
)
RESOURCES = {resource.name: resource for resource in (REQUESTS, EVENTS, ATTEMPTS, QUEUE)}
# Another name for the same column, as in the lists.
ALIASES = {"webhook_id": "connection_id"}
