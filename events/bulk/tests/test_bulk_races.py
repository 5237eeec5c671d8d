"""A page of a bulk operation while operators and delivery workers move its events: nobody waits in a circle."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from events.bulk import pages
from events.bulk.selection import Selection
from events.delivery.results import finish_attempts
from events.lifecycle.retry import retry_event
from events.models import DeliveryJob, Event
from events.tests.bulking import OPERATOR, counts, drain, make_ended, start
from events.tests.replaying import claim, failure
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection
from tests.waiting import wait_until


def until_somebody_waits() -> None:
    def is_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            return bool(cursor.fetchone()[0])

    wait_until(is_waiting, 10, "nobody waits for a lock")


def test_an_event_that_is_retried_and_delivered_while_its_page_looks_is_not_waited_for(
    project: Project, door: DataConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page holds a later job, for which the worker that records both waits while it holds the earlier one."""
    first, second = make_ended(project, 2, at=utc_now() - timedelta(seconds=30))
    retry_event(OPERATOR, project.team.id, second)
    (in_flight,) = claim(door)
    Event.objects.filter(id=second).update(status="FAILED", next_attempt_at=utc_now())
    recorded: list[Future[set[str]]] = []

    def retried_by_hand() -> None:
        try:
            retry_event(OPERATOR, project.team.id, first)
        finally:
            connection.close()

    real = pages.still_matching
    with ThreadPoolExecutor(1) as pool:

        def look(selection: Selection, ids: Sequence[str]) -> list[str]:
            found = real(selection, ids)
            if not recorded:
                pool.submit(retried_by_hand).result(timeout=10)
                (other,) = claim(door)
                results: Any = [failure(other), failure(in_flight)]
                recorded.append(pool.submit(door.run, finish_attempts, results))
                until_somebody_waits()
            return found

        monkeypatch.setattr(pages, "still_matching", look)
        row = start(project, status="FAILED")
        drain()
        assert recorded[0].result(timeout=10) == {first, second}
    assert counts(row)["skipped"] == {"ATTEMPT_IN_FLIGHT": 1, "UNAVAILABLE": 1}
    assert set(Event.objects.values_list("status", "attempts")) == {("FAILED", 2)}
    assert not DeliveryJob.objects.exists()
