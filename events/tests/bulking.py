"""What tests of bulk operations share: events that ended, operations started, run and read in one process."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

from events.bulk import runner
from events.bulk.filters import EventBulkInput, RequestBulkInput, read_filter
from events.bulk.plan import start_operation
from events.bulk.results import with_outcomes
from events.bulk.serializers import operation_answer
from events.models.bulk import BulkOperation
from events.tests.seed import Project, build_event, build_request
from events.tests.writing import write
from fasthook.lib.clock import utc_now
from teams.auth.credentials import Actor, CredentialKind
from teams.models import Role

SECOND = timedelta(seconds=1)
OPERATOR = Actor(kind=CredentialKind.API_KEY, role=Role.MEMBER, user=None)


def make_ended(project: Project, count: int, *, at: datetime, **values: Any) -> list[str]:
    """Events with one failed attempt behind them, unless told otherwise; one request each, a millisecond apart."""
    fields: dict[str, Any] = {"status": "FAILED", "attempts": 1, **values}
    moments = [at + number * timedelta(milliseconds=1) for number in range(count)]
    requests = [build_request(project, moment) for moment in moments]
    write(requests)
    events = [
        build_event(request, project, moment, **fields) for request, moment in zip(requests, moments, strict=True)
    ]
    write(events)
    return [event.id for event in events]


def start(project: Project, *, now: datetime | None = None, **given: Any) -> BulkOperation:
    reader = RequestBulkInput if given.pop("requests", False) else EventBulkInput
    kind, params = read_filter(reader, {"from": "now-24h", **given})
    return start_operation(project.team, kind, params, actor=OPERATOR, now=now or utc_now())


def drain() -> None:
    while runner.take_turn(threading.Event()):
        pass


def answer(row: BulkOperation) -> dict[str, Any]:
    return operation_answer(with_outcomes(BulkOperation.objects.filter(pk=row.pk)).get())


def counts(row: BulkOperation) -> dict[str, Any]:
    ends = ("done_count", "failed_count", "cancelled_count", "held_count", "waiting_count")
    names = ("status", "total_count", "queued_count", "skipped", *ends, "progress")
    return {name: value for name, value in answer(row).items() if name in names}


def let_lease_lapse(row: BulkOperation) -> None:
    BulkOperation.objects.filter(pk=row.pk).update(lease_until=utc_now() - SECOND)
