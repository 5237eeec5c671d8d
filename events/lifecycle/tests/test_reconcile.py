"""Waiting work follows its connection and destination: paused, unpaused, disabled, deleted; in pages, and in a race."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db import transaction

from connections.services import pause_connection, unpause_connection
from destinations.models import Destination
from destinations.services import disable_destination
from events.delivery.claims import claim_due_jobs
from events.delivery.jobs import ClaimedJob, ClaimRequest
from events.lifecycle import reconcile
from events.lifecycle.reconcile import reconcile_all
from events.models import DeliveryJob, Event
from events.tests.plane import accept_and_route, add_connection, add_destination, change, set_job
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection
from teams.config.lock import next_config_version
from teams.config.writes import lock_for_team

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def database_door(transactional_db: None) -> Iterator[DataConnection]:
    opened = DataConnection("test")
    yield opened
    opened.close()


def reconcile_now() -> int:
    return reconcile_all(seconds=5)


def claim(door: DataConnection, *, limit: int = 100) -> list[ClaimedJob]:
    request = ClaimRequest(
        worker=uuid4(), limit=limit, bulk_limit=limit, max_bytes=10**9, room=1000, rooms={}, lease_s=15.0, scan_after=""
    )
    return door.run(claim_due_jobs, request).jobs


def marked(project: Project) -> bool:
    project.connection.refresh_from_db()
    return project.connection.reconcile_requested_at is not None


def states() -> list[tuple[str, str | None]]:
    return list(Event.objects.order_by("id").values_list("status", "ignored_cause"))


def test_pausing_holds_what_waits_and_unpausing_releases_it_oldest_first(project: Project) -> None:
    ids = accept_and_route(project, 3)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    assert reconcile_now() == 3
    assert states() == [("HOLD", None)] * 3
    assert not DeliveryJob.objects.exists()
    assert not marked(project)

    change(project.connection, paused_at=None, reconcile_requested_at=utc_now())
    assert reconcile_now() == 3
    assert states() == [("QUEUED", None)] * 3
    assert not marked(project)
    jobs = DeliveryJob.objects.order_by("due_at", "event_id")
    assert [(job.event_id, job.rank, job.attempt_number, job.retry_number, job.trigger) for job in jobs] == [
        (event_id, 1, 1, 0, "UNPAUSE") for event_id in ids
    ]
    assert {job.body_size for job in jobs} == {9}


def test_a_planned_retry_is_held_and_goes_on_with_its_next_number(project: Project) -> None:
    (event_id,) = accept_and_route(project)
    later = utc_now() + timedelta(hours=1)
    set_job(event_id, rank=2, due_at=later, attempt_number=3, retry_number=2, trigger="AUTOMATIC")
    Event.objects.filter(id=event_id).update(status="FAILED", attempts=2, next_attempt_at=later)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    reconcile_now()
    event = Event.objects.get()
    assert (event.status, event.next_attempt_at, event.attempts) == ("HOLD", None, 2)
    change(project.connection, paused_at=None, reconcile_requested_at=utc_now())
    reconcile_now()
    job = DeliveryJob.objects.get()
    assert (job.attempt_number, job.retry_number, job.trigger) == (3, 0, "UNPAUSE")
    assert job.due_at <= utc_now()


def test_what_is_in_flight_is_let_finish_and_keeps_the_mark(project: Project, database_door: DataConnection) -> None:
    accept_and_route(project, 2)
    (leased,) = claim(database_door, limit=1)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    assert reconcile_now() == 1
    assert Event.objects.get(id=leased.event_id).status == "QUEUED"
    assert DeliveryJob.objects.get().event_id == leased.event_id
    assert marked(project)
    # It failed, and planned a retry.
    set_job(leased.event_id, rank=2, lease_token=None, attempt_number=2)
    assert reconcile_now() == 1
    assert states() == [("HOLD", None)] * 2
    assert not marked(project)


@pytest.mark.parametrize("state", ["paused_at", "disabled_at", "deleted_at"])
def test_a_lease_that_ran_out_counts_as_waiting(project: Project, database_door: DataConnection, state: str) -> None:
    accept_and_route(project)
    (leased,) = claim(database_door)
    change(project.connection, reconcile_requested_at=utc_now(), **{state: utc_now()})
    assert reconcile_now() == 0
    set_job(leased.event_id, due_at=utc_now() - timedelta(seconds=1))
    assert reconcile_now() == 1
    assert Event.objects.get().status == ("HOLD" if state == "paused_at" else "CANCELLED")
    assert not DeliveryJob.objects.exists()
    assert not marked(project)


@pytest.mark.parametrize(
    ("state", "cause"), [("disabled_at", "CONNECTION_DISABLED"), ("deleted_at", "CONNECTION_DELETED")]
)
def test_an_ended_connection_cancels_what_waits_and_what_is_held(project: Project, state: str, cause: str) -> None:
    held, waiting = accept_and_route(project, 2)
    DeliveryJob.objects.filter(event_id=held).delete()
    Event.objects.filter(id=held).update(status="HOLD")
    other = add_connection(project, destination=project.destination)
    accept_and_route(project)
    others = Event.objects.filter(connection_id=other.id).get()
    Event.objects.filter(connection_id=project.connection.id).exclude(id__in=[held, waiting]).delete()
    DeliveryJob.objects.filter(connection_id=project.connection.id).exclude(event_id=waiting).delete()
    change(project.connection, reconcile_requested_at=utc_now(), **{state: utc_now()})
    assert reconcile_now() == 2
    assert states()[:2] == [("CANCELLED", cause)] * 2
    others.refresh_from_db()
    assert others.status == "QUEUED"
    assert list(DeliveryJob.objects.values_list("event_id", flat=True)) == [others.id]
    assert not marked(project)


@pytest.mark.parametrize(
    ("state", "cause"), [("disabled_at", "DESTINATION_DISABLED"), ("deleted_at", "DESTINATION_DELETED")]
)
def test_an_ended_destination_cancels_what_waits_and_what_is_held(project: Project, state: str, cause: str) -> None:
    accept_and_route(project, 2)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    reconcile_now()
    add_connection(project)
    accept_and_route(project)
    change(project.destination, reconcile_requested_at=utc_now(), **{state: utc_now()})
    reconcile_now()
    assert states() == [("CANCELLED", cause)] * 4
    assert not DeliveryJob.objects.exists()
    project.destination.refresh_from_db()
    assert project.destination.reconcile_requested_at is None


def test_another_destinations_work_is_left_alone(project: Project) -> None:
    other = add_connection(project, destination=add_destination(project))
    accept_and_route(project)
    change(project.destination, disabled_at=utc_now(), reconcile_requested_at=utc_now())
    reconcile_now()
    assert dict(Event.objects.values_list("connection_id", "status")) == {
        project.connection.id: "CANCELLED",
        other.id: "QUEUED",
    }


def test_a_destination_enabled_again_is_only_unmarked(project: Project) -> None:
    accept_and_route(project)
    change(project.destination, reconcile_requested_at=utc_now())
    assert reconcile_now() == 0
    project.destination.refresh_from_db()
    assert project.destination.reconcile_requested_at is None
    assert states() == [("QUEUED", None)]


def test_work_is_moved_in_pages(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    accept_and_route(project, 5)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    pages = []
    real = reconcile._reconcile_connection
    monkeypatch.setattr(
        reconcile, "_reconcile_connection", lambda identifier: pages.append(real(identifier)) or pages[-1]
    )
    assert reconcile_now() == 5
    assert pages == [2, 2, 1, 0]
    change(project.connection, paused_at=None, reconcile_requested_at=utc_now())
    assert reconcile_now() == 5
    assert pages[4:] == [2, 2, 1, 0]
    assert states() == [("QUEUED", None)] * 5


def test_reconciliation_stops_at_its_time_and_keeps_the_mark(project: Project) -> None:
    accept_and_route(project)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    assert reconcile_all(seconds=0) == 0
    assert marked(project)
    assert states() == [("QUEUED", None)]


def test_many_events_of_one_connection_do_not_keep_another_waiting(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 1)
    other = add_connection(project)
    accept_and_route(project, 3)
    for row in (project.connection, other):
        change(row, paused_at=utc_now(), reconcile_requested_at=utc_now())
    # The time is over after two pages.
    clock = iter([0.0, 0.0, 0.0, *[100.0] * 9])
    monkeypatch.setattr(reconcile, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert reconcile_now() == 2
    held = Event.objects.filter(status="HOLD").values_list("connection_id", flat=True)
    assert sorted(held) == sorted([project.connection.id, other.id])


def on_another_connection(work: Any) -> Any:
    def run() -> Any:
        try:
            return work()
        finally:
            database.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(timeout=20)


def test_a_mark_is_not_cleared_while_another_settler_has_the_row(project: Project) -> None:
    """The other's page may be rolled back: then its events would wait without anybody who knows."""
    with transaction.atomic():
        change(project.connection, reconcile_requested_at=utc_now())
    with transaction.atomic():
        assert reconcile._take_row(type(project.connection), project.connection.id) is not None
        assert on_another_connection(reconcile_now) == 0
        assert on_another_connection(lambda: marked(project))
    assert reconcile_now() == 0
    assert not marked(project)


@pytest.mark.parametrize(
    ("ended", "states_after"),
    [
        (None, [("QUEUED", None)] * 3),
        ("connection", [("CANCELLED", "CONNECTION_DISABLED")] * 3),
        ("destination", [("CANCELLED", "DESTINATION_DISABLED")] * 3),
    ],
)
def test_a_held_event_that_somebody_has_is_not_forgotten(
    project: Project, ended: str | None, states_after: list[tuple[str, str | None]]
) -> None:
    """Whoever retries a held event locks it, and is refused: the event stays on hold, passed over by the page."""
    ids = accept_and_route(project, 3)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    assert reconcile_now() == 3
    if ended == "destination":
        change(project.destination, disabled_at=utc_now(), reconcile_requested_at=utc_now())
    else:
        disabled_at = utc_now() if ended else None
        change(project.connection, paused_at=None, disabled_at=disabled_at, reconcile_requested_at=utc_now())
    with transaction.atomic():
        assert Event.objects.select_for_update().get(id=ids[1]).status == "HOLD"
        assert on_another_connection(reconcile_now) == 2
    assert reconcile_now() == 1
    assert states() == states_after
    project.destination.refresh_from_db()
    assert (marked(project), project.destination.reconcile_requested_at) == (False, None)


def test_reconciliation_passes_over_a_row_that_is_being_changed(project: Project) -> None:
    """A change holds the row while it waits for the lock that reconciliation holds: waiting would be a deadlock."""
    change(project.connection, reconcile_requested_at=utc_now())
    with transaction.atomic():
        type(project.connection).objects.select_for_update(no_key=True).get(id=project.connection.id)
        assert on_another_connection(reconcile_now) == 0
    assert marked(project)


def test_racing_pauses_and_unpauses_end_consistent(project: Project) -> None:
    accept_and_route(project, 20)
    done = threading.Event()

    def toggle() -> None:
        try:
            for _ in range(8):
                pause_connection(project.team, project.connection.id, now=utc_now())
                unpause_connection(project.team, project.connection.id, now=utc_now())
        finally:
            done.set()
            database.close()

    def keep_settling() -> None:
        try:
            while not done.is_set():
                reconcile_all(seconds=1)
        finally:
            database.close()

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(toggle), threads.submit(keep_settling), threads.submit(keep_settling)]
        for work in running:
            work.result(timeout=30)
    reconcile_now()
    assert states() == [("QUEUED", None)] * 20
    assert DeliveryJob.objects.count() == 20
    assert not marked(project)


def test_disabling_through_the_service_asks_for_settling(project: Project) -> None:
    accept_and_route(project)
    disable_destination(project.team, project.destination.id, now=utc_now())
    assert reconcile_now() == 1
    assert states() == [("CANCELLED", "DESTINATION_DISABLED")]


def test_a_release_to_a_destination_that_is_being_changed_waits_for_nobody(project: Project) -> None:
    (event_id,) = accept_and_route(project)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    reconcile_now()
    # Disabled while the connection led elsewhere, so the event is still held.
    elsewhere = add_destination(project)
    change(project.connection, destination=elsewhere, paused_at=None, reconcile_requested_at=utc_now())
    change(project.destination, disabled_at=utc_now())
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            # As a service does, whose next step is to wait for the lock that a page of it holds.
            lock_for_team(Destination, project.team, project.destination.id)
            assert pool.submit(closing, reconcile_now).result(timeout=10) == 0
            assert (Event.objects.get(id=event_id).status, marked(project)) == ("HOLD", True)
            next_config_version()
        assert pool.submit(closing, reconcile_now).result(timeout=10) == 2
    assert Event.objects.get(id=event_id).ignored_cause == "DESTINATION_DISABLED"


def closing(work: Callable[[], int]) -> int:
    try:
        return work()
    finally:
        database.close()
