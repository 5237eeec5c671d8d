"""Everything that moves events, at once: nobody waits in a circle, and every event ends up where it belongs."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from connections.services import (
    disable_connection,
    enable_connection,
    pause_connection,
    unpause_connection,
)
from destinations.services import disable_destination, enable_destination
from events.bulk import runner
from events.bulk.plan import cancel_operation
from events.delivery.results import finish_attempts
from events.lifecycle.reconcile import reconcile_all
from events.lifecycle.retry import cancel_event, retry_event
from events.models import DeliveryJob, Event
from events.tests.bulking import OPERATOR, make_ended, start
from events.tests.plane import add_connection
from events.tests.replaying import claim, failure, success
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import Conflict, FastHookError
from fasthook.lib.sql import DataConnection

SECONDS = 4.0
EVENTS = 60

pytestmark = pytest.mark.usefixtures("transactional_db", "nudges")


class Crowd:
    """What operators and workers do. A refusal is no fault, whatever else is raised is."""

    def __init__(self, project: Project, ids: list[str]) -> None:
        self.project = project
        self.ids = ids
        self.random = random.Random(5)

    def operate(self) -> None:
        act = self.random.choice([retry_event, cancel_event])
        act(OPERATOR, self.project.team.id, self.random.choice(self.ids))

    def control(self) -> None:
        team, now = self.project.team, utc_now()
        stop = self.random.choice([pause_connection, disable_connection])
        stop(team, self.project.connection.id, now=now)
        time.sleep(self.random.random() / 20)
        enable_connection(team, self.project.connection.id, now=now)
        unpause_connection(team, self.project.connection.id, now=now)

    def control_destination(self) -> None:
        disable_destination(self.project.team, self.project.destination.id, now=utc_now())
        time.sleep(self.random.random() / 20)
        enable_destination(self.project.team, self.project.destination.id, now=utc_now())
        time.sleep(self.random.random() / 5)

    def reconcile(self) -> None:
        reconcile_all(seconds=1)

    def work_in_bulk(self) -> None:
        kind = self.random.choice(["event_bulk_retry", "event_bulk_cancel"])
        # What was cancelled before is withdrawn here.
        runner.take_turn(threading.Event())
        row = start(self.project, type=kind)
        runner.take_turn(threading.Event())
        with contextlib.suppress(Conflict):
            cancel_operation(row, actor=OPERATOR)

    def deliver(self, door: DataConnection) -> None:
        results = []
        for job in claim(door):
            later = utc_now() + timedelta(seconds=self.random.random() / 10)
            ends = [success(job), failure(job), failure(job, next_attempt_at=later)]
            results.append(self.random.choice(ends))
        if results:
            door.run(finish_attempts, results)
        time.sleep(0.01)


def again_and_again(act: Callable[[], None], over_at: float) -> int:
    done = 0
    try:
        while time.monotonic() < over_at:
            try:
                act()
            except FastHookError:
                continue
            done += 1
    finally:
        connection.close()
    return done


def test_controls_at_once_neither_block_each_other_nor_lose_an_event(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PAUSE_SHARE", 0.0)
    add_connection(project)
    crowd = Crowd(project, make_ended(project, EVENTS, at=utc_now() - timedelta(seconds=30)))
    door = DataConnection("test")
    parts = [
        *(crowd.operate, crowd.operate, crowd.control, crowd.control_destination, crowd.reconcile, crowd.reconcile),
        *(crowd.work_in_bulk, lambda: crowd.deliver(door)),
    ]
    over_at = time.monotonic() + SECONDS
    with ThreadPoolExecutor(len(parts)) as pool:
        done = [each.result(timeout=60) for each in [pool.submit(again_and_again, part, over_at) for part in parts]]
    door.close()
    reconcile_all(seconds=10)
    project.connection.refresh_from_db()
    project.destination.refresh_from_db()
    assert (project.connection.reconcile_requested_at, project.destination.reconcile_requested_at) == (None, None)
    jobs = set(DeliveryJob.objects.filter(cancelled=False).values_list("event_id", flat=True))
    waiting = set(Event.objects.filter(status__in=["QUEUED", "SCHEDULED"]).values_list("id", flat=True)) | set(
        Event.objects.filter(next_attempt_at__isnull=False).values_list("id", flat=True)
    )
    assert jobs == waiting
    assert not Event.objects.filter(status="HOLD").exists()
    assert all(number > 0 for number in done)
