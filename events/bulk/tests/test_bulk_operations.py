"""Bulk operations run in one process: what they touch, what they pass over, and that a page happens once or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from events.bulk import pages, progress, runner, selection
from events.bulk.results import fold_outcomes
from events.bulk.runner import _run_pages, _selection_of
from events.delivery.results import finish_attempts
from events.lifecycle import moves
from events.models import Attempt, BulkOutcome, DeliveryJob, Event, Request, RouteJob
from events.models.bulk import BulkOperation
from events.states import Trigger
from events.tests.bulking import answer, counts, drain, let_lease_lapse, make_ended, start
from events.tests.plane import add_connection, change, make_plane
from events.tests.replaying import claim, failure, success
from events.tests.seed import Project, make_event, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("transactional_db", "no_rest")

HOUR = timedelta(hours=1)


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSE_SHARE", 0.0)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "EVENTS", 3)
    monkeypatch.setattr(selection, "REQUESTS", 3)


@pytest.fixture
def at() -> datetime:
    # Of today, which has a partition.
    return utc_now() - timedelta(seconds=30)


def deliver(door: DataConnection, *, failed: int = 0) -> None:
    jobs = claim(door)
    door.run(finish_attempts, [failure(job) if n < failed else success(job) for n, job in enumerate(jobs)])


@pytest.mark.usefixtures("small_pages")
def test_a_retry_queues_what_failed_or_was_cancelled_and_counts_what_came_of_it(
    project: Project, at: datetime, door: DataConnection
) -> None:
    failed = make_ended(project, 5, at=at)
    cancelled = make_ended(project, 3, at=at, status="CANCELLED", ignored_cause="CONNECTION_DISABLED")
    make_ended(project, 1, at=at, status="SUCCESSFUL", successful_at=at)
    make_ended(project, 1, at=at, status="HOLD")
    make_ended(project, 1, at=at, status="CANCELLED", ignored_cause="FILTERED", ignored_meta={"failed_targets": []})
    row = start(project)
    drain()
    assert counts(row) == {
        "status": "RUNNING",
        "total_count": 8,
        "queued_count": 8,
        "skipped": {},
        "done_count": 0,
        "failed_count": 0,
        "cancelled_count": 0,
        "held_count": 0,
        "waiting_count": 8,
        "progress": 0.0,
    }
    assert set(Event.objects.filter(batch_operation_id=row.id).values_list("id", flat=True)) == {*failed, *cancelled}
    assert set(DeliveryJob.objects.values_list("rank", "trigger", "batch_operation_id")) == {(3, "BULK_RETRY", row.id)}
    deliver(door, failed=2)
    drain()
    shown = answer(row)
    assert (shown["done_count"], shown["failed_count"], shown["status"], shown["progress"]) == (6, 2, "COMPLETED", 1.0)
    assert Attempt.objects.filter(batch_operation_id=row.id, status="SUCCESSFUL").count() == 6


def test_outcomes_count_the_same_before_and_after_they_are_folded(
    project: Project, at: datetime, door: DataConnection
) -> None:
    make_ended(project, 6, at=at)
    row, other = start(project, to="now-27s"), start(project, status="CANCELLED")
    drain()
    deliver(door, failed=1)
    before = answer(row)
    assert (before["done_count"], before["failed_count"]) == (5, 1)
    assert BulkOutcome.objects.count() == 1
    assert (fold_outcomes(), fold_outcomes()) == (1, 0)
    assert answer(row) == before
    assert (answer(other)["done_count"], BulkOutcome.objects.count()) == (0, 0)


def test_a_failure_counts_when_a_retry_is_planned_and_the_retry_no_more(
    project: Project, at: datetime, door: DataConnection
) -> None:
    make_ended(project, 1, at=at)
    row = start(project)
    drain()
    (job,) = claim(door)
    door.run(finish_attempts, [failure(job, next_attempt_at=utc_now())])
    drain()
    for _ in range(2):
        shown = answer(row)
        assert (shown["done_count"], shown["failed_count"], shown["status"]) == (0, 1, "COMPLETED")
        deliver(door)
    assert list(Attempt.objects.order_by("id").values_list("trigger", "status", "batch_operation_id")) == [
        ("BULK_RETRY", "FAILED", row.id),
        ("AUTOMATIC", "SUCCESSFUL", None),
    ]


@pytest.mark.usefixtures("small_pages")
def test_what_is_blocked_is_passed_over_and_told_by_code(project: Project, at: datetime) -> None:
    paused, disabled = add_connection(project, paused_at=at), add_connection(project, disabled_at=at)
    make_ended(project, 4, at=at)
    make_ended(project, 2, at=at, connection_id=paused.id)
    make_ended(project, 3, at=at, connection_id=disabled.id)
    row = start(project)
    drain()
    shown = answer(row)
    assert (shown["queued_count"], shown["skipped_count"]) == (4, 5)
    assert shown["skipped"] == {"CONNECTION_PAUSED": 2, "CONNECTION_DISABLED": 3}
    assert (shown["total_count"], shown["status"], shown["progress"]) == (9, "RUNNING", 0.5556)


@pytest.mark.usefixtures("small_pages")
def test_filters_of_the_lists_and_the_search_term_hold_for_every_page(project: Project, at: datetime) -> None:
    wanted = make_ended(project, 4, at=at, error_code="TIMEOUT")
    make_ended(project, 5, at=at, error_code="TLS_ERROR")
    make_ended(project, 4, at=at - 10 * timedelta(seconds=1), error_code="TIMEOUT")
    row = start(project, **{"from": "now-35s", "q": "timeout", "connection_id": project.connection.id})
    assert row.total_count == 4
    drain()
    assert counts(row)["queued_count"] == 4
    assert list(DeliveryJob.objects.order_by("event_id").values_list("event_id", flat=True)) == sorted(wanted)


def test_what_came_after_it_was_planned_is_left_alone(project: Project, at: datetime) -> None:
    before = make_ended(project, 2, at=at)
    row = start(project, to="now")
    make_ended(project, 2, at=utc_now() + timedelta(milliseconds=5))
    drain()
    assert set(DeliveryJob.objects.values_list("event_id", flat=True)) == set(before)
    assert counts(row)["total_count"] == 2


def test_a_planned_retry_that_was_delivered_meanwhile_is_not_sent_again(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_ended(project, 2, at=at)
    row = start(project)
    original = moves.lock_jobs

    def deliver_meanwhile(*args: Any) -> Any:
        Event.objects.filter(id=ids[0]).update(status="SUCCESSFUL", successful_at=utc_now())
        return original(*args)

    monkeypatch.setattr(moves, "lock_jobs", deliver_meanwhile)
    drain()
    assert counts(row)["queued_count"] == 1
    assert list(DeliveryJob.objects.values_list("event_id", flat=True)) == ids[1:]


@pytest.mark.usefixtures("small_pages")
def test_a_cancel_ends_what_waits_or_is_held(project: Project, at: datetime) -> None:
    held = make_ended(project, 4, at=at, status="HOLD")
    final = make_ended(project, 2, at=at)
    planned = make_ended(project, 2, at=at, next_attempt_at=utc_now() + HOUR)
    queued = make_ended(project, 3, at=at)
    retried = start(project, id=queued)
    drain()
    for event_id in planned:
        _add_job(event_id)
    row = start(project, type="event_bulk_cancel")
    assert row.total_count == 9
    drain()
    assert counts(row) == {
        "status": "COMPLETED",
        "total_count": 9,
        "queued_count": 9,
        "skipped": {},
        "done_count": 9,
        "failed_count": 0,
        "cancelled_count": 0,
        "held_count": 0,
        "waiting_count": 0,
        "progress": 1.0,
    }
    ended = Event.objects.filter(status="CANCELLED", ignored_cause="CANCELLED_IN_BULK", batch_operation_id=row.id)
    assert set(ended.values_list("id", flat=True)) == {*held, *planned, *queued}
    assert set(Event.objects.filter(status="FAILED").values_list("id", flat=True)) == set(final)
    assert not DeliveryJob.objects.exists()
    assert [answer(retried)[f"{end}_count"] for end in ("done", "failed", "cancelled")] == [0, 0, 3]


def _add_job(event_id: str) -> None:
    event = Event.objects.get(id=event_id)
    DeliveryJob.objects.create(
        event_id=event.id,
        team_id=event.team_id,
        request_id=event.request_id,
        source_id=event.source_id,
        connection_id=event.connection_id,
        destination_id=event.destination_id,
        rank=2,
        due_at=event.next_attempt_at,
        attempt_number=2,
        trigger="AUTOMATIC",
        body_size=0,
    )


@pytest.mark.usefixtures("small_pages")
def test_requests_are_accepted_again_page_by_page(project: Project, at: datetime, monkeypatch: Any) -> None:
    parents = [make_request(project, at + n * timedelta(milliseconds=1)).id for n in range(5)]
    parents.append(make_request(project, at, status="rejected", rejection_cause="SOURCE_AUTH_FAILED").id)
    make_request(project, at, handshake=True)
    large = make_request(project, at, body=None, status="rejected", rejection_cause="PAYLOAD_TOO_LARGE")
    row = start(project, requests=True)
    assert row.total_count == 8
    monkeypatch.setattr(runner, "_has_enough_waiting", lambda _: False)
    drain()
    shown = answer(row)
    assert (shown["status"], shown["queued_count"], shown["waiting_count"]) == ("RUNNING", 6, 6)
    assert shown["skipped"] == {"REQUEST_IS_HANDSHAKE": 1, "PAYLOAD_NOT_STORED": 1}
    again = Request.objects.filter(batch_operation_id=row.id)
    assert set(again.values_list("retry_parent_request_id", flat=True)) == set(parents)
    assert set(again.values_list("status", flat=True)) == {"accepted"}
    assert RouteJob.objects.filter(batch_operation_id=row.id).count() == 6
    assert large.id not in parents


@pytest.mark.usefixtures("small_pages")
def test_a_worker_that_dies_between_pages_leaves_the_rest_to_the_next(project: Project, at: datetime) -> None:
    ids = make_ended(project, 7, at=at)
    row = start(project)
    taken, lease = progress.claim(uuid4())  # type: ignore[misc]
    assert pages.run_page(taken, lease, _selection_of(taken)) is not None
    assert (counts(row)["status"], counts(row)["queued_count"]) == ("RUNNING", 3)
    drain()
    assert counts(row)["queued_count"] == 3
    let_lease_lapse(row)
    drain()
    assert counts(row)["queued_count"] == 7
    assert DeliveryJob.objects.count() == len(ids)


@pytest.mark.usefixtures("small_pages")
def test_a_page_of_a_worker_that_lost_the_operation_is_rolled_back(project: Project, at: datetime) -> None:
    make_ended(project, 4, at=at)
    row = start(project)
    taken, lease = progress.claim(uuid4())  # type: ignore[misc]
    let_lease_lapse(row)
    assert progress.claim(uuid4()) is not None
    with pytest.raises(pages.Lost):
        pages.run_page(taken, lease, _selection_of(taken))
    assert not DeliveryJob.objects.exists()
    assert set(Event.objects.values_list("status", "batch_operation_id")) == {("FAILED", None)}


@pytest.mark.usefixtures("small_pages")
def test_a_cancelled_one_stops_where_it_is_and_withdraws_what_it_queued(project: Project, at: datetime) -> None:
    make_ended(project, 4, at=at)
    row = start(project)
    taken, lease = progress.claim(uuid4())  # type: ignore[misc]
    pages.run_page(taken, lease, _selection_of(taken))
    assert progress.cancel(row.id)
    with pytest.raises(pages.Lost):
        pages.run_page(taken, lease, _selection_of(taken))
    expected = {
        "status": "CANCELLED",
        "total_count": 4,
        "queued_count": 3,
        "skipped": {},
        "done_count": 0,
        "failed_count": 0,
        "cancelled_count": 0,
        "held_count": 0,
        "waiting_count": 3,
        "progress": 0.0,
    }
    assert (counts(row), answer(row)["finished_at"]) == (expected, None)
    drain()
    assert counts(row) == {**expected, "cancelled_count": 3, "waiting_count": 0, "progress": 0.75}
    assert answer(row)["finished_at"] is not None
    assert not DeliveryJob.objects.exists()
    assert not progress.cancel(row.id)


def test_one_that_ends_its_workers_fails_and_says_so(project: Project, at: datetime) -> None:
    make_ended(project, 1, at=at)
    row = start(project)
    for _ in range(progress.MAX_CLAIMS):
        assert progress.claim(uuid4()) is not None
        let_lease_lapse(row)
    drain()
    shown = answer(row)
    assert (shown["status"], shown["cancelable"]) == ("FAILED", False)
    assert shown["failure_message"] == "INTERNAL_ERROR: this operation ended its worker 3 times"


def test_what_postgres_cannot_take_is_tried_again_and_does_not_count_against_it(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ended(project, 1, at=at)
    row = start(project)
    run_page = runner.run_page

    def fail(*_: object) -> None:
        raise OperationalError("No space left on device")

    monkeypatch.setattr(runner, "run_page", fail)
    for _ in range(progress.MAX_CLAIMS + 1):
        with pytest.raises(OperationalError):
            drain()
    monkeypatch.setattr(runner, "run_page", run_page)
    drain()
    shown = answer(row)
    assert (shown["status"], shown["queued_count"], shown["failure_message"]) == ("RUNNING", 1, None)


def test_one_whose_rows_cannot_be_found_in_time_fails_and_says_so(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ended(project, 1, at=at)
    row = start(project)

    def read_candidates(*_: Any, **__: Any) -> list[str]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)")
        raise AssertionError

    monkeypatch.setattr(pages, "read_candidates", read_candidates)
    drain()
    assert answer(row)["status"] == "FAILED"
    assert answer(row)["failure_message"].startswith("RANGE_TOO_WIDE: this filter finds too little in too much")


def test_an_unforeseen_fault_fails_it_and_leaves_others_alone(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ended(project, 1, at=at)
    row, other = start(project), start(project, status="FAILED")
    original = runner.run_page

    def run_page(operation: BulkOperation, *rest: Any) -> Any:
        if operation.id == row.id:
            raise KeyError("x")
        return original(operation, *rest)

    monkeypatch.setattr(runner, "run_page", run_page)
    drain()
    assert answer(row)["failure_message"] == "INTERNAL_ERROR: the operation could not go on (KeyError)"
    assert (counts(other)["status"], counts(other)["queued_count"]) == ("RUNNING", 1)


def test_pages_wait_while_enough_of_it_waits_for_delivery(
    project: Project, at: datetime, door: DataConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "EVENTS", 2)
    monkeypatch.setattr(runner, "MAX_WAITING", 4)
    monkeypatch.setattr(runner, "TURN_S", 0.3)
    make_ended(project, 7, at=at)
    row = start(project)
    assert runner.take_turn(_never())
    assert (counts(row)["status"], counts(row)["queued_count"]) == ("RUNNING", 4)
    deliver(door)
    let_lease_lapse(row)
    drain()
    assert (counts(row)["status"], counts(row)["queued_count"], counts(row)["waiting_count"]) == ("RUNNING", 7, 3)


def _never() -> Any:
    import threading

    return threading.Event()


def test_turns_go_to_the_team_that_has_waited_longest(project: Project, at: datetime) -> None:
    other = make_plane("other")
    make_ended(project, 1, at=at)
    make_ended(other, 1, at=at)
    ours = [start(project, status=status) for status in ("FAILED", "CANCELLED", "FAILED,CANCELLED")]
    theirs = start(other)
    taken = []
    for _ in range(6):
        row, lease = progress.claim(uuid4())  # type: ignore[misc]
        taken.append(row.id)
        progress.release(lease)
    a, b, c = (row.id for row in ours)
    assert taken == [a, theirs.id, b, theirs.id, c, theirs.id]


def test_a_turn_ends_in_time_and_gives_the_operation_back(project: Project, at: datetime, monkeypatch: Any) -> None:
    monkeypatch.setattr(selection, "EVENTS", 1)
    monkeypatch.setattr(runner, "TURN_S", 0.0)
    make_ended(project, 2, at=at)
    row = start(project)
    taken, lease = progress.claim(uuid4())  # type: ignore[misc]
    _run_pages(taken, lease, _selection_of(taken), _never())
    row.refresh_from_db()
    assert (row.lease_token, row.claim_count, row.queued_count) == (None, 0, 0)


def test_the_frozen_range_is_to_the_millisecond(project: Project, at: datetime) -> None:
    """The last millisecond counts whole, the next one not at all."""
    now = utc_now().replace(microsecond=0)
    request = make_request(project, now)
    inside = make_event(request, project, now, status="FAILED", attempts=1)
    make_event(request, project, now + timedelta(milliseconds=1), status="FAILED", attempts=1)
    row = start(project, now=now)
    assert row.total_count == 1
    drain()
    assert list(DeliveryJob.objects.values_list("event_id", flat=True)) == [inside.id]
    assert DeliveryJob.objects.get().trigger == Trigger.BULK_RETRY


def test_a_connection_that_changes_between_pages_counts_from_then_on(
    project: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "EVENTS", 2)
    make_ended(project, 4, at=at)
    row = start(project)
    taken, lease = progress.claim(uuid4())  # type: ignore[misc]
    pages.run_page(taken, lease, _selection_of(taken))
    progress.release(lease)
    change(project.destination, disabled_at=utc_now())
    drain()
    assert (counts(row)["queued_count"], counts(row)["skipped"]) == (2, {"DESTINATION_DISABLED": 2})
