"""Metrics as anybody would count them: every row of the evidence, in Python, one by one."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Model

from events.models import Attempt, Event, Request
from fasthook.lib.ids import time_of
from metrics.reading.question import Question
from metrics.spec.latency import bin_of, value_of

Point = dict[str, Any]
_MODELS: dict[str, type[Model]] = {"requests": Request, "events": Event, "attempts": Attempt}


def count_rows(question: Question) -> dict[tuple[int, tuple[Any, ...]], Point]:
    """The measures of every bucket and group that has a row, by the number of the bucket and the group."""
    groups: dict[tuple[int, tuple[Any, ...]], list[Any]] = defaultdict(list)
    for row in _MODELS[question.resource.name]._default_manager.filter(team_id=question.team_id):
        moment = time_of(row.pk)
        if not question.start <= moment < question.end:
            continue
        if all(_value(row, name) in values for name, values in question.filters.items()):
            bucket = bisect_right(question.starts, moment)
            groups[bucket, tuple(_value(row, name) for name in question.dimensions)].append(row)
    return {key: _measured(question, rows) for key, rows in groups.items()}


def _value(row: Any, name: str) -> Any:
    return row.retry_parent_request_id is not None if name == "is_retry" else getattr(row, name)


def _measured(question: Question, rows: list[Any]) -> Point:
    measure: Mapping[str, Callable[[list[Any]], Any]] = {
        "requests": _REQUESTS,
        "events": _EVENTS,
        "attempts": _ATTEMPTS,
    }[question.resource.name]
    return {each.name: measure[each.name](rows) for each in question.measures}


def _of_status(status: str) -> Callable[[list[Any]], int]:
    return lambda rows: sum(row.status == status for row in rows)


def _deliveries(rows: list[Any]) -> list[Any]:
    return [row for row in rows if row.ignored_meta is None]


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0


def _event_error_rate(rows: list[Any]) -> float:
    failed = _of_status("FAILED")(rows)
    return _rate(failed, failed + _of_status("SUCCESSFUL")(rows))


def _percentile(share: float) -> Callable[[list[Any]], int]:
    def value(rows: list[Any]) -> int:
        latencies = sorted(row.latency for row in rows)
        exact = latencies[math.ceil(share * len(latencies)) - 1]
        return min(value_of(bin_of(exact)), latencies[-1])

    return value


_REQUESTS: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "accepted_count": _of_status("accepted"),
    "rejected_count": _of_status("rejected"),
    "discarded_count": lambda rows: 0,
}
_EVENTS: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": lambda rows: len(_deliveries(rows)),
    "delivered_count": _of_status("SUCCESSFUL"),
    "failed_count": _of_status("FAILED"),
    "queued_count": _of_status("QUEUED"),
    "scheduled_count": _of_status("SCHEDULED"),
    "hold_count": _of_status("HOLD"),
    "cancelled_count": lambda rows: _of_status("CANCELLED")(_deliveries(rows)),
    "ignored_count": lambda rows: len(rows) - len(_deliveries(rows)),
    "error_rate": _event_error_rate,
    "avg_attempts": lambda rows: (
        round(sum(row.attempts for row in _deliveries(rows)) / len(_deliveries(rows)), 3) if _deliveries(rows) else None
    ),
}
_ATTEMPTS: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "successful_count": _of_status("SUCCESSFUL"),
    "failed_count": _of_status("FAILED"),
    "error_rate": lambda rows: _rate(_of_status("FAILED")(rows), len(rows)),
    "latency_avg": lambda rows: round(sum(row.latency for row in rows) / len(rows), 3),
    "latency_p50": _percentile(0.50),
    "latency_p95": _percentile(0.95),
    "latency_p99": _percentile(0.99),
    "latency_max": lambda rows: max(row.latency for row in rows),
}
