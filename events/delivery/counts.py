"""Counts of delivery: the wait for a first attempt, and each committed batch of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import structlog

from connections.catalog import ConnectionEntry
from events.states import Trigger
from fasthook.lib.ids import time_of
from fasthook.metrics import registry

if TYPE_CHECKING:
    from datetime import datetime

    from events.delivery.jobs import AttemptResult, ClaimedJob

log = structlog.get_logger(__name__)


def count_first_wait(job: ClaimedJob, connection: ConnectionEntry | None, *, now: datetime) -> None:
    """How long a request waited for its first attempt, unless a delay rule, a pause or a bulk operation did it."""
    is_live = job.attempt_number == 1 and job.trigger is Trigger.INITIAL and job.batch_operation_id is None
    if is_live and not (connection and connection.rules.delay_ms):
        waited_s = (now - time_of(job.request_id)).total_seconds()
        registry.first_attempt_wait_seconds.observe(max(0.0, waited_s))


def count_recorded(results: Sequence[AttemptResult], own: Collection[str]) -> None:
    """One committed batch of attempts; those not in `own` had lost their leases and were not written."""
    recorded = [result for result in results if result.job.event_id in own]
    if len(recorded) < len(results):
        registry.attempts_late.add(len(results) - len(recorded))
    outcomes = Counter(result.error_code or "SUCCESSFUL" for result in recorded)
    for outcome, count in outcomes.items():
        registry.attempts.add(count, outcome)
    registry.attempt_seconds.observe_all(
        result.latency_ms / 1000 for result in recorded if result.response_status is not None or result.latency_ms
    )
    planned = sum(result.next_attempt_at is not None for result in recorded)
    succeeded = outcomes["SUCCESSFUL"]
    registry.retries_planned.add(planned)
    registry.events_delivered.add(succeeded)
    registry.events_failed.add(len(recorded) - succeeded - planned)
