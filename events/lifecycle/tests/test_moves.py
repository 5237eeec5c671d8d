"""Replay in pages: what is queued again, cancelled or accepted again, what is refused and why, and what repeats do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from events.delivery.results import finish_attempts
from events.lifecycle.moves import Cancelled, Requeued, cancel_events, replay_requests, requeue_events
from events.lifecycle.refusals import Refusal
from events.models import Attempt, DeliveryJob, Event, Request, RouteJob
from events.states import IgnoredCause, Trigger
from events.storage.config_lock import lock_configuration_for_page
from events.tests.plane import accept, accept_and_route, add_connection, captured, change, set_job
from events.tests.replaying import claim, failure, success, within_gate
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("transactional_db")

BATCH = "bch_1"


def requeue(*ids: str, trigger: Trigger = Trigger.MANUAL, batch: str | None = None) -> Requeued:
    return within_gate(lambda door: requeue_events(door, ids, trigger=trigger, batch_operation_id=batch))


def cancel(*ids: str, batch: str | None = None) -> Cancelled:
    cause = IgnoredCause.CANCELLED_IN_BULK if batch else IgnoredCause.CANCELLED_BY_OPERATOR
    return within_gate(lambda door: cancel_events(door, ids, cause=cause, batch_operation_id=batch))


def ended_events(project: Project, door: DataConnection, *statuses: str) -> list[str]:
    """One event for each status, after one attempt."""
    ids = accept_and_route(project, len(statuses))
    jobs = {job.event_id: job for job in claim(door)}
    results = [
        success(jobs[event_id]) if status == "SUCCESSFUL" else failure(jobs[event_id])
        for event_id, status in zip(ids, statuses, strict=True)
    ]
    door.run(finish_attempts, results)
    cancelled = [event_id for event_id, status in zip(ids, statuses, strict=True) if status == "CANCELLED"]
    Event.objects.filter(id__in=cancelled).update(status="CANCELLED", ignored_cause="CONNECTION_DISABLED")
    return ids


def test_what_ended_is_queued_again_with_its_next_number_and_a_fresh_schedule(
    project: Project, door: DataConnection
) -> None:
    ids = ended_events(project, door, "FAILED", "CANCELLED", "SUCCESSFUL")
    result = requeue(*ids)
    assert (result.queued, dict(result.skipped), result.stages) == (frozenset(ids), {}, frozenset({"deliver"}))
    assert (
        list(Event.objects.values_list("status", "ignored_cause", "attempts", "batch_operation_id"))
        == [("QUEUED", None, 1, None)] * 3
    )
    jobs = DeliveryJob.objects.order_by("event_id")
    assert [(job.event_id, job.rank, job.attempt_number, job.retry_number, job.trigger) for job in jobs] == [
        (event_id, 2, 2, 0, "MANUAL") for event_id in ids
    ]
    assert {(job.body_size, job.batch_operation_id) for job in jobs} == {(9, None)}


def test_a_planned_retry_is_taken_forward_and_stays_one_job(project: Project, door: DataConnection) -> None:
    (event_id,) = accept_and_route(project)
    (job,) = claim(door)
    door.run(finish_attempts, [failure(job, next_attempt_at=utc_now() + timedelta(hours=1))])
    assert requeue(event_id).queued == {event_id}
    moved, event = DeliveryJob.objects.get(), Event.objects.get()
    assert (moved.trigger, moved.attempt_number, moved.retry_number, moved.rank) == ("MANUAL", 2, 0, 2)
    assert moved.due_at <= utc_now()
    assert (event.status, event.next_attempt_at) == ("QUEUED", None)


@pytest.mark.parametrize(
    ("status", "code"),
    [("QUEUED", "EVENT_QUEUED"), ("SCHEDULED", "EVENT_SCHEDULED"), ("HOLD", "EVENT_ON_HOLD")],
)
def test_what_waits_already_is_not_queued_again(project: Project, status: str, code: str) -> None:
    (event_id,) = accept_and_route(project)
    Event.objects.update(status=status)
    if status == "HOLD":
        DeliveryJob.objects.all().delete()
    result = requeue(event_id)
    assert (result.queued, dict(result.skipped)) == (frozenset(), {event_id: Refusal(code)})
    assert Event.objects.get().status == status
    assert DeliveryJob.objects.filter(trigger="MANUAL").count() == 0


def test_an_attempt_in_flight_refuses_a_retry(project: Project, door: DataConnection) -> None:
    (event_id,) = accept_and_route(project)
    claim(door)
    assert requeue(event_id).skipped == {event_id: Refusal.ATTEMPT_IN_FLIGHT}
    assert DeliveryJob.objects.get().rank == 0


def test_a_branch_that_never_was_a_delivery_is_not_retried(project: Project) -> None:
    change(project.connection, rules=[{"type": "filter", "body": {"id": 2}}])
    (event_id,) = accept_and_route(project)
    assert requeue(event_id).skipped == {event_id: Refusal.EVENT_IGNORED}
    assert Event.objects.get().ignored_cause == "FILTERED"


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("source", "disabled_at", "SOURCE_DISABLED"),
        ("source", "deleted_at", "SOURCE_DELETED"),
        ("connection", "disabled_at", "CONNECTION_DISABLED"),
        ("connection", "deleted_at", "CONNECTION_DELETED"),
        ("connection", "paused_at", "CONNECTION_PAUSED"),
        ("destination", "disabled_at", "DESTINATION_DISABLED"),
        ("destination", "deleted_at", "DESTINATION_DELETED"),
    ],
)
def test_a_blocked_object_refuses_a_retry_by_its_name(
    project: Project, door: DataConnection, row: str, column: str, code: str
) -> None:
    (event_id,) = ended_events(project, door, "FAILED")
    change(getattr(project, row), **{column: utc_now()})
    assert requeue(event_id).skipped == {event_id: Refusal(code)}
    assert Event.objects.get().status == "FAILED"
    assert not DeliveryJob.objects.exists()


def test_without_a_stored_payload_there_is_nothing_to_retry(project: Project, door: DataConnection) -> None:
    (event_id,) = ended_events(project, door, "FAILED")
    Request.objects.all().delete()
    assert requeue(event_id).skipped == {event_id: Refusal.PAYLOAD_NOT_STORED}


def test_what_is_not_there_is_said_to_be_unavailable() -> None:
    gone = "evt_00000000000000000000000000"
    assert requeue(gone).skipped == {gone: Refusal.UNAVAILABLE}
    assert cancel(gone).skipped == {gone: Refusal.UNAVAILABLE}
    assert requeue() == Requeued()
    assert cancel() == Cancelled()


def test_a_bulk_retry_goes_behind_and_the_attempts_that_it_queued_name_it(
    project: Project, door: DataConnection
) -> None:
    ids = ended_events(project, door, "FAILED", "CANCELLED")
    assert requeue(*ids, trigger=Trigger.BULK_RETRY, batch=BATCH).queued == frozenset(ids)
    assert set(DeliveryJob.objects.values_list("rank", "trigger", "batch_operation_id")) == {(3, "BULK_RETRY", BATCH)}
    first, second = claim(door)
    later = utc_now() - timedelta(seconds=1)
    door.run(finish_attempts, [failure(first, next_attempt_at=later), success(second)])
    (again,) = claim(door)
    door.run(finish_attempts, [success(again)])
    attempts = Attempt.objects.filter(attempt_number__gt=1).order_by("event_id", "attempt_number")
    assert [(each.trigger, each.batch_operation_id) for each in attempts] == [
        ("BULK_RETRY", BATCH),
        ("AUTOMATIC", None),
        ("BULK_RETRY", BATCH),
    ]
    assert set(Event.objects.values_list("status", "batch_operation_id")) == {("SUCCESSFUL", BATCH)}


def test_repeating_a_page_of_an_operation_does_nothing(project: Project, door: DataConnection) -> None:
    ids = ended_events(project, door, "FAILED", "SUCCESSFUL")
    requeue(*ids, trigger=Trigger.BULK_RETRY, batch=BATCH)
    door.run(finish_attempts, [failure(job) for job in claim(door)])
    repeated = requeue(*ids, trigger=Trigger.BULK_RETRY, batch=BATCH)
    assert (repeated.queued, set(repeated.skipped.values())) == (frozenset(), {Refusal.ALREADY_IN_OPERATION})
    assert not DeliveryJob.objects.exists()
    assert requeue(*ids, trigger=Trigger.BULK_RETRY, batch="bch_2").queued == frozenset(ids)


def test_a_page_may_come_through_the_data_planes_own_door(project: Project, door: DataConnection) -> None:
    ids = ended_events(project, door, "FAILED", "FAILED")

    def page(connection: Any) -> tuple[Requeued, Cancelled]:
        with connection.transaction():
            lock_configuration_for_page(connection)
            return (
                requeue_events(connection, ids[:1], trigger=Trigger.BULK_RETRY, batch_operation_id=BATCH),
                cancel_events(connection, ids, cause=IgnoredCause.CANCELLED_IN_BULK, batch_operation_id="bch_2"),
            )

    requeued, cancelled = door.run(page)
    assert requeued.queued == {ids[0]}
    assert (cancelled.cancelled, cancelled.skipped) == ({ids[0]}, {ids[1]: Refusal.EVENT_ENDED})


def test_several_that_somebody_holds_are_passed_over(project: Project, door: DataConnection) -> None:
    ids = ended_events(project, door, "FAILED", "FAILED")

    def hold_and_requeue(connection: Any) -> Requeued:
        with connection.transaction():
            connection.execute("SELECT FROM events WHERE id = %s FOR UPDATE", [ids[0]])
            return requeue(*ids)

    result = door.run(hold_and_requeue)
    assert (result.queued, result.skipped) == ({ids[1]}, {ids[0]: Refusal.UNAVAILABLE})


@pytest.mark.parametrize("status", ["QUEUED", "SCHEDULED", "HOLD", "FAILED"])
def test_what_waits_is_cancelled_with_who_ended_it(project: Project, status: str) -> None:
    (event_id,) = accept_and_route(project)
    planned = utc_now() if status in ("SCHEDULED", "FAILED") else None
    Event.objects.update(status=status, next_attempt_at=planned)
    if status == "HOLD":
        DeliveryJob.objects.all().delete()
    result = cancel(event_id)
    assert (result.cancelled, result.in_flight, dict(result.skipped)) == ({event_id}, frozenset(), {})
    event = Event.objects.get()
    assert (event.status, event.ignored_cause, event.ignored_meta, event.next_attempt_at) == (
        "CANCELLED",
        "CANCELLED_BY_OPERATOR",
        None,
        None,
    )
    assert not DeliveryJob.objects.exists()


def test_what_has_ended_is_not_cancelled(project: Project, door: DataConnection) -> None:
    ids = ended_events(project, door, "FAILED", "CANCELLED", "SUCCESSFUL")
    result = cancel(*ids)
    assert (result.cancelled, set(result.skipped.values())) == (frozenset(), {Refusal.EVENT_ENDED})
    assert list(Event.objects.order_by("id").values_list("status", flat=True)) == ["FAILED", "CANCELLED", "SUCCESSFUL"]


@pytest.mark.parametrize("outcome", ["SUCCESSFUL", "FAILED", "planned"])
def test_an_attempt_in_flight_is_recorded_but_its_event_stays_cancelled(
    project: Project, door: DataConnection, outcome: str
) -> None:
    (event_id,) = accept_and_route(project)
    (job,) = claim(door)
    result = cancel(event_id, batch=BATCH)
    assert (result.cancelled, result.in_flight) == ({event_id}, {event_id})
    assert Event.objects.get().status == "CANCELLED"
    again = utc_now() if outcome == "planned" else None
    assert door.run(finish_attempts, [success(job) if outcome == "SUCCESSFUL" else failure(job, next_attempt_at=again)])
    event, attempt = Event.objects.get(), Attempt.objects.get()
    assert (event.status, event.ignored_cause, event.attempts, event.next_attempt_at, event.successful_at) == (
        "CANCELLED",
        "CANCELLED_IN_BULK",
        1,
        None,
        None,
    )
    assert attempt.status == ("SUCCESSFUL" if outcome == "SUCCESSFUL" else "FAILED")
    assert not DeliveryJob.objects.exists()


def test_a_cancelled_lease_that_ran_out_is_neither_claimed_nor_in_the_way(
    project: Project, door: DataConnection
) -> None:
    (event_id,) = accept_and_route(project)
    (late,) = claim(door)
    cancel(event_id)
    assert requeue(event_id).skipped == {event_id: Refusal.ATTEMPT_IN_FLIGHT}
    set_job(event_id, due_at=utc_now() - timedelta(seconds=1))
    assert claim(door) == []
    assert requeue(event_id).queued == {event_id}
    assert door.run(finish_attempts, [success(late)]) == set()
    (job,) = claim(door)
    assert (job.event_id, job.trigger) == (event_id, "MANUAL")


def test_requests_are_accepted_again_for_current_routing(project: Project, door: DataConnection) -> None:
    parent, rejected = accept(
        door,
        [
            captured(project, path="/a", query="b=1", verified=True),
            captured(project, rejection_cause="SOURCE_AUTH_FAILED", body=b"no"),
        ],
    )
    RouteJob.objects.all().delete()
    added = add_connection(project, rules=[{"type": "filter", "body": {"id": 1}}])
    result = within_gate(lambda at: replay_requests(at, [parent, rejected], batch_operation_id=BATCH))
    assert (set(result.created), dict(result.skipped), result.stages) == ({parent, rejected}, {}, {"route"})
    again = Request.objects.get(id=result.created[parent])
    assert (again.status, again.verified, again.path, again.query, bytes(again.body or b"")) == (
        "accepted",
        True,
        "/a",
        "b=1",
        b'{"id": 1}',
    )
    assert (again.retry_parent_request_id, again.batch_operation_id, again.client_ip) == (parent, BATCH, "203.0.113.9")
    other = Request.objects.get(id=result.created[rejected])
    assert (other.status, other.rejection_cause, other.verified) == ("accepted", None, False)
    accept_and_route(project)
    events = Event.objects.filter(request_id=again.id)
    assert {(event.connection_id, event.batch_operation_id) for event in events} == {
        (project.connection.id, BATCH),
        (added.id, BATCH),
    }
    ranks = DeliveryJob.objects.filter(request_id=again.id).values_list("rank", "trigger", "batch_operation_id")
    assert set(ranks) == {(3, "INITIAL", BATCH)}


def test_requests_that_cannot_be_accepted_again_say_why(project: Project, door: DataConnection) -> None:
    handshake, large, plain = accept(
        door,
        [
            captured(project, handshake=True),
            captured(project, body=None, rejection_cause="PAYLOAD_TOO_LARGE"),
            captured(project),
        ],
    )
    gone = "req_00000000000000000000000000"
    result = within_gate(lambda at: replay_requests(at, [handshake, large, plain, gone]))
    assert result.skipped == {
        handshake: Refusal.REQUEST_IS_HANDSHAKE,
        large: Refusal.PAYLOAD_NOT_STORED,
        gone: Refusal.UNAVAILABLE,
    }
    change(project.source, disabled_at=utc_now())
    assert within_gate(lambda at: replay_requests(at, [plain])).skipped == {plain: Refusal.SOURCE_DISABLED}
    assert Request.objects.filter(retry_parent_request_id__isnull=False).count() == 1
