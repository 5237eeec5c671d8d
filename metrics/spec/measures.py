"""Measures and dimensions of each resource, and the sums that measures are made of.

Counts and rates of nothing are 0; averages, percentiles and maxima of nothing are None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Number = int | float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """`value` makes it out of its `sums`, given in their order; without one it is the only sum as it is. A percentile
    is the `share` of the latencies that are no longer."""

    name: str
    sums: tuple[str, ...]
    value: Callable[..., Number] | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """`dimensions` are also filters; `filters` are the names beyond them."""

    name: str
    measures: Mapping[str, Measure]
    dimensions: tuple[str, ...]
    filters: tuple[str, ...]


def _count(name: str, of: str | None = None) -> Measure:
    return Measure(name, (of or name.removesuffix("_count"),))


def _rate(name: str, part: str, *whole: str) -> Measure:
    def value(counted: int, *all_of_them: int) -> Number:
        total = sum(all_of_them)
        return round(counted / total, 6) if total else 0.0

    return Measure(name, (part, *whole), value)


def _average(name: str, total: str) -> Measure:
    return Measure(name, ("count", total), lambda count, summed: round(summed / count, 3) if count else None)


def _largest(name: str) -> Measure:
    return Measure(name, ("count", name), lambda count, largest: largest if count else None)


def _percentile(name: str, share: float) -> Measure:
    return Measure(name, ("latency_max",), share=share)


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
        _average("avg_attempts", "attempts"),
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
