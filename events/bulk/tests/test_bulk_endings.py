"""How an operation ends: RUNNING until its last delivery is done, and after a cancel what still waits is withdrawn."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from events.bulk import ending, progress, runner
from events.bulk.plan import cancel_operation
from events.delivery.results import finish_attempts
from events.housekeeping import nudge_due_stages
from events.lifecycle import moves
from events.lifecycle.reconcile import reconcile_all
from events.lifecycle.retry import cancel_event
from events.models import DeliveryJob, Event, RouteJob
from events.models.bulk import BulkOperation
from events.routing.worker import Router
from events.tests.bulking import OPERATOR, answer, drain, make_ended, start
from events.tests.explaining import explained
from events.tests.plane import add_connection, add_destination, change, set_job
from events.tests.replaying import claim, failure, success
from events.tests.seed import Project, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import Conflict
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("transactional_db", "no_rest")

HOUR = timedelta(hours=1)
WITHDRAWN = ("CANCELLED", "CANCELLED_IN_BULK")


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSE_SHARE", 0.0)


@pytest.fixture
def at() -> datetime:
    # Of today, which has a partition.
    return utc_now() - timedelta(seconds=30)


def shown(row: BulkOperation) -> dict[str, Any]:
    """Its status, whether it has finished, and the counts that are not 0."""
    found = answer(row)
    names = ("queued", "done", "failed", "cancelled", "held", "waiting")
    counts = {name: found[f"{name}_count"] for name in names if found[f"{name}_count"]}
    return {"status": found["status"], "finished": found["finished_at"] is not None, **counts}


def cancel(row: BulkOperation) -> None:
    cancel_operation(row, actor=OPERATOR)


def make_routed(project: Project, count: int, at: datetime) -> list[str]:
    """Requests that wait for nothing."""
    ids = [make_request(project, at).id for _ in range(count)]
    RouteJob.objects.all().delete()
    return ids


def test_it_runs_until_its_last_delivery_is_done_and_shows_how_far_it_is(
    project: Project, at: datetime, door: DataConnection
) -> None:
    make_ended(project, 4, at=at)
    row = start(project)
    drain()
    jobs = claim(door)
    for number, job in enumerate(jobs[:3], start=1):
        door.run(finish_attempts, [success(job)])
        drain()
        assert shown(row) == {
            "status": "RUNNING",
            "finished": False,
            "queued": 4,
            "done": number,
            "waiting": 4 - number,
        }
        assert answer(row)["progress"] == number / 4
    door.run(finish_attempts, [failure(jobs[3], next_attempt_at=utc_now() + HOUR)])
    assert shown(row)["status"] == "RUNNING"
    drain()
    assert shown(row) == {"status": "COMPLETED", "finished": True, "queued": 4, "done": 3, "failed": 1}


def test_while_it_waits_it_has_no_turn_and_costs_as_much_as_if_it_were_smaller(
    project: Project, at: datetime, door: DataConnection
) -> None:
    small, large = make_ended(project, 1, at=at), make_ended(project, 40, at=at)

    def statements_of_a_turn() -> int:
        drain()
        with CaptureQueriesContext(connection) as queries:
            assert not runner.take_turn(threading.Event())
        return len(queries)

    start(project, id=small)
    alone = statements_of_a_turn()
    start(project, id=large[:20])
    start(project, id=large[20:])
    assert statements_of_a_turn() == alone
    assert set(BulkOperation.objects.values_list("status", flat=True)) == {"RUNNING"}
    assert not progress.is_any_due()


def test_the_end_is_found_by_index_however_much_others_have_waiting(
    project: Project, at: datetime, door: DataConnection
) -> None:
    make_ended(project, 250, at=at, error_code="TIMEOUT")
    make_ended(project, 50, at=at, error_code="TLS_ERROR")
    waiting, withdrawn = start(project, error_code="TIMEOUT"), start(project, error_code="TLS_ERROR")
    drain()
    cancel(withdrawn)
    with explained() as readings:
        assert ending.find_withdrawable() == [withdrawn.id]
        ending.finish_done()
    assert {name for reading in readings for name in reading.sequential} == set()
    assert max(reading.rows for reading in readings) < 20
    assert shown(waiting)["status"] == "RUNNING"


def test_the_tick_wakes_the_worker_until_everything_is_over(
    project: Project, at: datetime, door: DataConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("events.housekeeping.insist", woken.append)

    def is_woken() -> bool:
        woken.clear()
        nudge_due_stages()
        return "bulk" in woken

    make_ended(project, 2, at=at)
    row = start(project)
    drain()
    (first, second) = claim(door)
    assert is_woken()
    cancel(row)
    assert is_woken()
    door.run(finish_attempts, [success(first), success(second)])
    assert is_woken()
    drain()
    assert not is_woken()


def test_a_cancel_withdraws_what_waits_and_lets_finish_what_is_in_flight(
    project: Project, at: datetime, door: DataConnection
) -> None:
    ids = make_ended(project, 6, at=at)
    row = start(project)
    drain()
    for event_id in ids[2:]:
        set_job(event_id, due_at=utc_now() + HOUR)
    in_flight = claim(door)
    assert {job.event_id for job in in_flight} == set(ids[:2])
    cancel(row)
    assert shown(row) == {"status": "CANCELLED", "finished": False, "queued": 6, "waiting": 6}
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": False, "queued": 6, "cancelled": 4, "waiting": 2}
    ended = Event.objects.filter(id__in=ids[2:])
    assert set(ended.values_list("status", "ignored_cause", "batch_operation_id")) == {(*WITHDRAWN, row.id)}
    door.run(finish_attempts, [success(in_flight[0]), failure(in_flight[1], next_attempt_at=utc_now() + HOUR)])
    drain()
    over = {"status": "CANCELLED", "finished": True, "queued": 6, "done": 1, "failed": 1, "cancelled": 4}
    assert shown(row) == over
    # The retry that its rule planned is nobody's.
    assert DeliveryJob.objects.get().batch_operation_id is None
    assert claim(door) == []


def test_what_was_in_flight_when_its_worker_died_is_withdrawn_as_well(
    project: Project, at: datetime, door: DataConnection
) -> None:
    make_ended(project, 2, at=at)
    row = start(project)
    drain()
    lost, kept = claim(door)
    cancel(row)
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": False, "queued": 2, "waiting": 2}
    set_job(lost.event_id, due_at=utc_now() - HOUR)
    drain()
    assert door.run(finish_attempts, [success(lost), success(kept)]) == {kept.event_id}
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": True, "queued": 2, "done": 1, "cancelled": 1}


def test_a_cancel_leaves_alone_what_is_held_and_what_was_retried_since(
    project: Project, at: datetime, door: DataConnection
) -> None:
    ids = make_ended(project, 3, at=at)
    held = add_connection(project, destination=add_destination(project))
    on_hold = make_ended(project, 1, at=at, connection_id=held.id, destination_id=held.destination_id)
    row = start(project, id=[*ids, *on_hold])
    drain()
    change(held, paused_at=utc_now(), reconcile_requested_at=utc_now())
    reconcile_all(seconds=5)
    door.run(finish_attempts, [failure(job, next_attempt_at=utc_now() + HOUR) for job in claim(door)])
    cancel(row)
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": True, "queued": 4, "failed": 3, "held": 1}
    assert sorted(Event.objects.values_list("status", flat=True)) == ["FAILED", "FAILED", "FAILED", "HOLD"]
    assert DeliveryJob.objects.count() == 3


@pytest.mark.parametrize("change_of_connection", ["paused_at", "disabled_at"])
def test_what_was_cancelled_in_flight_counts_no_more_when_its_worker_died_and_its_connection_changes(
    project: Project, at: datetime, door: DataConnection, change_of_connection: str
) -> None:
    (event_id,) = make_ended(project, 1, at=at)
    row = start(project)
    drain()
    assert len(claim(door)) == 1
    cancel_event(OPERATOR, project.team.id, event_id)
    set_job(event_id, due_at=utc_now() - HOUR)
    change(project.connection, reconcile_requested_at=utc_now(), **{change_of_connection: utc_now()})
    reconcile_all(seconds=5)
    drain()
    assert not DeliveryJob.objects.exists()
    assert shown(row) == {"status": "COMPLETED", "finished": True, "queued": 1, "cancelled": 1}


def test_a_worker_that_dies_while_it_withdraws_leaves_the_rest_to_the_next(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ended(project, 8, at=at)
    row = start(project)
    drain()
    cancel(row)
    monkeypatch.setattr(moves, "PAGE", 3)
    withdraw, pages = ending.withdraw_events, iter(range(10))

    def die(*args: Any) -> int:
        number = withdraw(*args)
        if next(pages) == 1:
            raise OperationalError("terminating connection due to administrator command")
        return number

    monkeypatch.setattr(ending, "withdraw_events", die)
    with pytest.raises(OperationalError):
        drain()
    assert shown(row) == {"status": "CANCELLED", "finished": False, "queued": 8, "cancelled": 3, "waiting": 5}
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": True, "queued": 8, "cancelled": 8}
    assert list(Event.objects.values_list("status", "ignored_cause")) == [WITHDRAWN] * 8


def test_what_is_cancelled_is_withdrawn_during_the_turn_of_another(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_ended(project, 4, at=at)
    row = start(project, id=ids[:2])
    drain()
    start(project, id=ids[2:])
    run_page = runner.run_page
    seen: list[dict[str, Any]] = []

    def run(*args: Any) -> Any:
        if not seen:
            cancel(row)
        seen.append(shown(row))
        return run_page(*args)

    monkeypatch.setattr(runner, "run_page", run)
    assert runner.take_turn(threading.Event())
    assert [each.get("cancelled", 0) for each in seen] == [0, 2]


def test_replays_that_are_not_routed_yet_become_cancelled_branches(
    project: Project, at: datetime, door: DataConnection, router: Router
) -> None:
    paused = add_connection(project, destination=add_destination(project))
    change(paused, paused_at=utc_now())
    filtered = add_connection(project, destination=add_destination(project))
    change(filtered, rules=[{"type": "filter", "body": {"id": 2}}])
    row = start(project, requests=True, id=make_routed(project, 2, at))
    drain()
    assert shown(row) == {"status": "RUNNING", "finished": False, "queued": 2, "waiting": 2}
    cancel(row)
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": False, "queued": 2, "waiting": 2}
    router.route_batch()
    drain()
    assert (RouteJob.objects.count(), DeliveryJob.objects.count()) == (0, 0)
    assert shown(row) == {"status": "CANCELLED", "finished": True, "queued": 2, "cancelled": 4}
    causes = Event.objects.values_list("connection_id", "status", "ignored_cause")
    assert set(causes) == {
        (project.connection.id, *WITHDRAWN),
        (paused.id, *WITHDRAWN),
        (filtered.id, "CANCELLED", "FILTERED"),
    }


def test_replays_whose_deliveries_wait_are_withdrawn(
    project: Project, at: datetime, door: DataConnection, router: Router
) -> None:
    add_connection(project, destination=add_destination(project))
    row = start(project, requests=True, id=make_routed(project, 2, at))
    drain()
    router.route_batch()
    assert shown(row) == {"status": "RUNNING", "finished": False, "queued": 2, "waiting": 4}
    door.run(finish_attempts, [success(claim(door)[0])])
    assert (shown(row)["done"], answer(row)["progress"]) == (1, 0.25)
    DeliveryJob.objects.update(rank=3, lease_token=None)
    cancel(row)
    drain()
    assert shown(row) == {"status": "CANCELLED", "finished": True, "queued": 2, "done": 1, "cancelled": 3}


def test_the_same_operation_is_refused_until_all_is_withdrawn(
    project: Project, at: datetime, door: DataConnection
) -> None:
    ids = make_ended(project, 2, at=at)
    row = start(project, id=ids)
    drain()
    with pytest.raises(Conflict, match="wait for it to end, or cancel it"):
        start(project, id=ids)
    cancel(row)
    with pytest.raises(Conflict, match="is being withdrawn") as refused:
        start(project, id=ids)
    assert refused.value.data == {"id": row.id, "status": "CANCELLED"}
    drain()
    again = start(project, id=ids)
    drain()
    assert shown(again) == {"status": "RUNNING", "finished": False, "queued": 2, "waiting": 2}


def test_one_that_broke_off_shows_what_its_deliveries_come_to(
    project: Project, at: datetime, door: DataConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ended(project, 2, at=at)
    row = start(project)
    run_page, pages = runner.run_page, iter(range(10))

    def fail(*args: Any) -> Any:
        if next(pages) == 1:
            raise KeyError("x")
        return run_page(*args)

    monkeypatch.setattr(runner, "run_page", fail)
    drain()
    assert shown(row) == {"status": "FAILED", "finished": True, "queued": 2, "waiting": 2}
    door.run(finish_attempts, [success(job) for job in claim(door)])
    drain()
    assert shown(row) == {"status": "FAILED", "finished": True, "queued": 2, "done": 2}
