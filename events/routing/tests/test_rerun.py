"""A retry of what failed in its rules begins with them: on the same event, under current rules, with evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest

from connections.models import Transformation
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.sandbox import Sandbox
from events.lifecycle.moves import cancel_events, requeue_events
from events.lifecycle.reconcile import reconcile_all
from events.models import DeliveryJob, Event, EventPayload, TransformationExecution
from events.routing.worker import Router
from events.states import IgnoredCause, Trigger
from events.tests.plane import accept, captured, change, set_job
from events.tests.replaying import claim, within_gate
from events.tests.seed import Project
from events.tests.transforming import GOOD, LOOP, transform
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection

THROWS = "throw new Error('not yet');"


@pytest.fixture
def router(transactional_db: None, settings: Any) -> Iterator[Router]:
    settings.TRANSFORM_CPU_S = 0.2
    made = Router()
    yield made
    made.close()


def failed_events(project: Project, door: DataConnection, router: Router, *rules: Any, count: int = 1) -> list[str]:
    """Events whose transformation threw."""
    change(project.connection, rules=[*rules, transform(project, THROWS)])
    accept(door, [captured(project) for _ in range(count)])
    router.route_batch()
    assert set(Event.objects.values_list("status", "attempts")) == {("FAILED", 0)}
    return list(Event.objects.order_by("id").values_list("id", flat=True))


def repair(code: str = GOOD) -> None:
    change(Transformation.objects.get(), code=code)


def requeue(*ids: str, trigger: Trigger = Trigger.MANUAL, batch: str | None = None) -> frozenset[str]:
    def act(at: Any) -> frozenset[str]:
        result = requeue_events(at, ids, trigger=trigger, batch_operation_id=batch)
        assert result.stages == {"route"}
        return result.queued

    return within_gate(act)


def before_the_write(router: Router, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Runs `act` once, when the rules have been run."""
    again = router._reevaluator
    real, acted = again._write, []

    def write(*args: Any) -> int:
        if not acted and args[2].branches:
            acted.append(1)
            act()
        return real(*args)

    monkeypatch.setattr(again, "_write", write)


def test_a_repaired_transformation_runs_on_the_same_event(
    project: Project, door: DataConnection, router: Router
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair()
    assert requeue(event_id) == {event_id}
    assert Event.objects.get().status == "QUEUED"
    assert claim(door) == []
    assert router.run_rules_again() == 1
    event, job, payload = Event.objects.get(), DeliveryJob.objects.get(), EventPayload.objects.get()
    assert (event.id, event.status, event.failure_message, event.has_payload) == (event_id, "QUEUED", None, True)
    assert orjson.loads(payload.body) == {"id": 1, "seen": "source"}
    assert (job.rank, job.trigger, job.attempt_number, job.has_payload, job.body_size, job.claim_count) == (
        2,
        "MANUAL",
        1,
        True,
        len(payload.body),
        0,
    )
    runs = TransformationExecution.objects.order_by("id")
    assert [(run.event_id, run.status) for run in runs] == [(event_id, "FAILED"), (event_id, "SUCCESSFUL")]
    (claimed,) = claim(door)
    assert claimed.body == payload.body
    assert router.run_rules_again() == 0


def test_what_fails_again_says_so_with_another_execution(
    project: Project, door: DataConnection, router: Router
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair("throw new Error('still not');")
    requeue(event_id)
    router.run_rules_again()
    event = Event.objects.get()
    assert (event.status, event.attempts, event.has_payload) == ("FAILED", 0, False)
    assert "still not" in (event.failure_message or "")
    assert TransformationExecution.objects.filter(status="FAILED").count() == 2
    assert not DeliveryJob.objects.exists()
    assert requeue(event_id) == {event_id}


def test_current_filters_and_pauses_hold_for_it(project: Project, door: DataConnection, router: Router) -> None:
    stopped, held = failed_events(project, door, router, count=2)
    repair()
    requeue(stopped)
    rules = project.connection.rules
    change(project.connection, rules=[*rules, {"type": "filter", "body": {"seen": "nobody"}}])
    router.run_rules_again()
    event = Event.objects.get(id=stopped)
    assert (event.status, event.ignored_cause, event.ignored_meta, event.failure_message) == (
        "CANCELLED",
        "FILTERED",
        {"failed_targets": ["body"]},
        None,
    )
    change(project.connection, rules=rules)
    requeue(held)
    change(project.connection, paused_at=utc_now())
    router.run_rules_again()
    assert Event.objects.get(id=held).status == "HOLD"
    assert EventPayload.objects.filter(id=held).exists()
    assert not DeliveryJob.objects.exists()


def test_what_its_first_run_made_is_replaced(project: Project, door: DataConnection, router: Router) -> None:
    (event_id,) = failed_events(project, door, router)
    repair("return {headers: {}, body: 'second'};")
    # As after a filter that could not be evaluated: its transformation had been done.
    EventPayload.objects.create(id=event_id, method="POST", path="", query="", headers=[], body=b"first")
    Event.objects.update(has_payload=True)
    requeue(event_id)
    router.run_rules_again()
    assert bytes(EventPayload.objects.get().body) == b"second"


def test_a_delay_that_is_not_over_is_not_waited_for(project: Project, door: DataConnection, router: Router) -> None:
    (event_id,) = failed_events(project, door, router, {"type": "delay", "delay": 3_600_000})
    repair()
    requeue(event_id)
    router.run_rules_again()
    assert (Event.objects.get().status, Event.objects.get().next_attempt_at) == ("QUEUED", None)
    assert len(claim(door)) == 1


def test_it_is_not_taken_for_a_duplicate_of_itself(project: Project, door: DataConnection, router: Router) -> None:
    (event_id,) = failed_events(project, door, router, {"type": "deduplicate", "window": 60_000})
    repair()
    requeue(event_id)
    router.run_rules_again()
    assert Event.objects.get().status == "QUEUED"
    assert len(claim(door)) == 1


def test_what_was_held_before_its_rules_ran_has_them_run_after_its_release(
    project: Project, door: DataConnection, router: Router
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair()
    requeue(event_id, trigger=Trigger.BULK_RETRY, batch="bch_1")
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    assert reconcile_all(seconds=5) == 1
    assert (Event.objects.get().status, DeliveryJob.objects.count()) == ("HOLD", 0)
    change(project.connection, paused_at=None, reconcile_requested_at=utc_now())
    assert reconcile_all(seconds=5) == 1
    assert router.run_rules_again() == 1
    job = DeliveryJob.objects.get()
    assert (job.rank, job.trigger, job.has_payload, job.batch_operation_id) == (1, "UNPAUSE", True, None)


def test_cancelled_before_its_rules_ran_it_may_be_retried_still(
    project: Project, door: DataConnection, router: Router
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair()
    requeue(event_id)
    cause = IgnoredCause.CANCELLED_BY_OPERATOR
    assert within_gate(lambda at: cancel_events(at, [event_id], cause=cause)).cancelled == {event_id}
    assert router.run_rules_again() == 0
    requeue(event_id)
    assert router.run_rules_again() == 1
    assert Event.objects.get().status == "QUEUED"


@pytest.mark.parametrize("how", ["cancelled", "lost"])
def test_what_was_taken_from_it_meanwhile_is_left_alone(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    kept, gone = failed_events(project, door, router, count=2)
    repair()
    requeue(kept, gone)

    def act() -> None:
        if how == "cancelled":
            within_gate(lambda at: cancel_events(at, [gone], cause=IgnoredCause.CANCELLED_BY_OPERATOR))
        else:
            set_job(gone, lease_token=uuid4())

    before_the_write(router, monkeypatch, act)
    router.run_rules_again()
    assert Event.objects.get(id=gone).status == ("CANCELLED" if how == "cancelled" else "QUEUED")
    assert list(EventPayload.objects.values_list("id", flat=True)) == [kept]
    assert TransformationExecution.objects.filter(status="SUCCESSFUL").count() == 1


def test_a_change_meanwhile_is_evaluated_anew(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair("return {headers: {}, body: 'old'};")
    requeue(event_id)
    router.run_rules_again()
    Event.objects.update(status="FAILED", failure_message="TRANSFORMATION_FAILED: again", has_payload=False)
    DeliveryJob.objects.all().delete()
    EventPayload.objects.all().delete()
    requeue(event_id)
    before_the_write(router, monkeypatch, lambda: repair("return {headers: {}, body: 'new'};"))
    router.run_rules_again()
    assert bytes(EventPayload.objects.get().body) == b"new"


def test_without_a_live_connection_it_is_left_to_settling_at_the_cost_of_no_try(
    project: Project, door: DataConnection, router: Router
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair()
    requeue(event_id)
    change(project.connection, disabled_at=utc_now(), reconcile_requested_at=utc_now())
    assert router.run_rules_again() == 1
    job = DeliveryJob.objects.get()
    assert (job.rank, job.claim_count, job.lease_token) == (4, 0, None)
    assert reconcile_all(seconds=5) == 1
    assert Event.objects.get().ignored_cause == "CONNECTION_DISABLED"


def test_without_a_sandbox_it_waits_at_the_cost_of_no_try(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event_id,) = failed_events(project, door, router)
    repair()
    requeue(event_id)

    def refuse(*_: Any, **__: Any) -> Any:
        raise SandboxUnavailable("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "run_batch", refuse)
        assert router.run_rules_again() == 0
    job = DeliveryJob.objects.get()
    assert (job.claim_count, job.lease_token, job.due_at > utc_now()) == (0, None, True)
    set_job(event_id, due_at=utc_now())
    assert router.run_rules_again() == 1


def test_what_takes_long_is_done_in_turns(project: Project, door: DataConnection, router: Router) -> None:
    ids = failed_events(project, door, router, count=3)
    repair(LOOP)
    requeue(*ids)
    turns = 0
    while DeliveryJob.objects.exists():
        assert router.run_rules_again() > 0
        turns += 1
    assert turns > 1
    assert set(Event.objects.values_list("status", flat=True)) == {"FAILED"}
    assert TransformationExecution.objects.filter(error_kind="CPU_LIMIT").count() == 3


def test_what_ends_its_worker_again_and_again_fails_alone(
    project: Project, door: DataConnection, router: Router
) -> None:
    culprit, other = failed_events(project, door, router, count=2)
    repair()
    requeue(culprit, other)
    set_job(culprit, claim_count=3)
    set_job(other, claim_count=3)
    router.run_rules_again()
    event = Event.objects.get(id=culprit)
    assert (event.status, event.failure_message) == (
        "FAILED",
        "INTERNAL_ERROR: routing this request ended its worker 3 times",
    )
    assert DeliveryJob.objects.get().event_id == other


def test_sixty_are_done_at_once(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = failed_events(project, door, router, count=60)
    repair()
    requeue(*ids)
    executed: list[str] = []
    real = DataConnection.run

    def count(self: DataConnection, work: Any, *args: Any, **kwargs: Any) -> Any:
        executed.append(work.__name__)
        return real(self, work, *args, **kwargs)

    monkeypatch.setattr(DataConnection, "run", count)
    assert router.run_rules_again() == 60
    assert executed.count("_claim") == 1
    assert len(executed) <= 6
    assert DeliveryJob.objects.filter(rank=2, has_payload=True).count() == 60
