"""What an operation's counts come to: each delivery that it queued counts once, as done, failed, cancelled or held."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from events.bulk import runner
from events.bulk.plan import cancel_operation
from events.bulk.results import fold_outcomes
from events.delivery.claims import release_jobs
from events.delivery.jobs import ClaimedJob
from events.delivery.results import finish_attempts
from events.lifecycle.moves import cancel_events, requeue_events
from events.lifecycle.reconcile import reconcile_all
from events.models import Attempt, DeliveryJob, Event, Request
from events.models.bulk import BulkOperation
from events.routing.worker import Router
from events.states import IgnoredCause, Trigger
from events.storage import retention
from events.storage.partitions import PREFIXES
from events.storage.retention import drop_expired
from events.tests.bulking import OPERATOR, answer, drain, make_ended, start
from events.tests.plane import add_connection, add_destination, change, set_job
from events.tests.replaying import claim, failure, success, within_gate
from events.tests.seed import Project, make_event, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import Conflict
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("no_rest")

HOUR = timedelta(hours=1)
PASSES = [{"type": "filter", "body": {"id": 1}}]
STOPS = [{"type": "filter", "body": {"id": 2}}]


@pytest.fixture
def no_rest(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSE_SHARE", 0.0)
    monkeypatch.setattr(runner, "_has_enough_waiting", lambda _: False)


@pytest.fixture
def at() -> datetime:
    # Of today, which has a partition.
    return utc_now() - timedelta(seconds=30)


def retry_by_hand(*ids: str) -> frozenset[str]:
    return within_gate(lambda door: requeue_events(door, ids, trigger=Trigger.MANUAL)).queued


def cancel_by_hand(*ids: str) -> frozenset[str]:
    cause = IgnoredCause.CANCELLED_BY_OPERATOR
    return within_gate(lambda door: cancel_events(door, ids, cause=cause)).cancelled


def reconciled(row: Project, **values: object) -> None:
    change(row.connection, reconcile_requested_at=utc_now(), **values)
    reconcile_all(seconds=5)


def pause(project: Project) -> None:
    reconciled(project, paused_at=utc_now())


def release(project: Project) -> None:
    reconciled(project, paused_at=None)


def outcomes(row: BulkOperation) -> tuple[int, int, int, int]:
    shown = answer(row)
    return shown["done_count"], shown["failed_count"], shown["cancelled_count"], shown["held_count"]


def retried(project: Project, count: int, at: datetime) -> tuple[BulkOperation, list[str]]:
    """An operation that has queued so many failed events."""
    ids = make_ended(project, count, at=at)
    row = start(project, id=ids)
    drain()
    return row, ids


def deliver(door: DataConnection, end: Callable[[ClaimedJob], object] = success) -> None:
    door.run(finish_attempts, [end(job) for job in claim(door)])


def test_what_is_retried_by_hand_afterwards_counts_no_more_whatever_holds_it(
    project: Project, at: datetime, door: DataConnection
) -> None:
    row, ids = retried(project, 2, at)
    deliver(door)
    assert outcomes(row) == (2, 0, 0, 0)
    retry_by_hand(*ids)
    pause(project)
    release(project)
    deliver(door)
    assert outcomes(row) == (2, 0, 0, 0)
    assert set(Event.objects.values_list("batch_operation_id", flat=True)) == {row.id}
    # The attempts of the operation, and those that somebody else asked for.
    assert sorted(map(str, Attempt.objects.values_list("batch_operation_id", flat=True))) == ["None"] * 2 + [row.id] * 2


def test_what_is_held_on_its_way_counts_apart_and_no_more_when_it_is_released(
    project: Project, at: datetime, door: DataConnection
) -> None:
    row, _ = retried(project, 2, at)
    pause(project)
    drain()
    assert (outcomes(row), answer(row)["status"]) == ((0, 0, 0, 2), "COMPLETED")
    release(project)
    assert set(DeliveryJob.objects.values_list("batch_operation_id", "trigger")) == {(None, "UNPAUSE")}
    deliver(door)
    assert outcomes(row) == (0, 0, 0, 2)
    assert set(Event.objects.values_list("status", "batch_operation_id")) == {("SUCCESSFUL", row.id)}


def test_a_planned_retry_has_failed_for_the_operation_and_belongs_to_who_takes_it_forward(
    project: Project, at: datetime, door: DataConnection
) -> None:
    row, ids = retried(project, 2, at)
    deliver(door, lambda job: failure(job, next_attempt_at=utc_now() + HOUR))
    assert outcomes(row) == (0, 2, 0, 0)
    retry_by_hand(ids[0])
    other = start(project, id=[ids[1]])
    drain()
    assert outcomes(row) == (0, 2, 0, 0)
    deliver(door)
    assert (outcomes(row), outcomes(other)) == ((0, 2, 0, 0), (1, 0, 0, 0))


def test_what_is_cancelled_on_its_way_counts_as_that_waiting_or_in_flight_but_held_before(
    project: Project, at: datetime, door: DataConnection
) -> None:
    row, (waiting, held, flying) = retried(project, 3, at)
    set_job(flying, due_at=utc_now() - HOUR)
    set_job(waiting, due_at=utc_now() + HOUR)
    set_job(held, due_at=utc_now() + HOUR)
    (job,) = claim(door)
    assert job.event_id == flying
    assert cancel_by_hand(flying, waiting) == {flying, waiting}
    pause(project)
    assert Event.objects.get(id=held).status == "HOLD"
    cancelling = start(project, type="event_bulk_cancel", id=[held])
    drain()
    door.run(finish_attempts, [success(job)])
    assert (outcomes(row), outcomes(cancelling)) == ((0, 0, 2, 1), (1, 0, 0, 0))


@pytest.mark.parametrize("state", ["disabled_at", "deleted_at"])
@pytest.mark.parametrize("what", ["connection", "destination"])
def test_what_ends_with_its_connection_or_destination_counts_as_cancelled(
    project: Project, at: datetime, state: str, what: str
) -> None:
    row, _ = retried(project, 2, at)
    change(getattr(project, what), reconcile_requested_at=utc_now(), **{state: utc_now()})
    reconcile_all(seconds=5)
    assert outcomes(row) == (0, 0, 2, 0)

    if state == "disabled_at":
        change(getattr(project, what), disabled_at=None)
        reconciled(project, paused_at=None)
        row, _ = retried(project, 2, at)
        pause(project)
        change(getattr(project, what), reconcile_requested_at=utc_now(), **{state: utc_now()})
        reconcile_all(seconds=5)
        assert outcomes(row) == (0, 0, 0, 2)
        assert set(Event.objects.values_list("status", flat=True)) == {"CANCELLED"}


def test_what_its_rules_end_counts_as_cancelled_and_what_they_hold_as_held(
    project: Project, at: datetime, door: DataConnection, router: Router
) -> None:
    in_rules = {"attempts": 0, "failure_message": "TRANSFORMATION_FAILED: x"}
    first, second = make_ended(project, 2, at=at, **in_rules)
    row = start(project, id=[first])
    drain()
    change(project.connection, rules=STOPS)
    router.run_rules_again()
    assert Event.objects.get(id=first).ignored_cause == "FILTERED"
    assert outcomes(row) == (0, 0, 1, 0)

    row = start(project, id=[second])
    drain()
    change(project.connection, rules=PASSES, paused_at=utc_now())
    router.run_rules_again()
    assert (Event.objects.get(id=second).status, outcomes(row)) == ("HOLD", (0, 0, 0, 1))
    release(project)
    deliver(door)
    assert outcomes(row) == (0, 0, 0, 1)


def test_requests_accepted_again_count_by_delivery_also_those_that_are_held_at_once(
    project: Project, at: datetime, door: DataConnection, router: Router
) -> None:
    add_connection(project, destination=add_destination(project))
    parents = [make_request(project, at).id for _ in range(2)]
    change(project.connection, paused_at=utc_now())
    row = start(project, requests=True, id=parents)
    drain()
    router.route_batch()
    deliver(door)
    assert outcomes(row) == (2, 0, 0, 2)
    release(project)
    deliver(door)
    drain()
    assert (outcomes(row), answer(row)["status"]) == ((2, 0, 0, 2), "COMPLETED")


def test_what_retention_drops_on_its_way_counts_as_cancelled(project: Project) -> None:
    old = datetime(2020, 5, 10, 12, tzinfo=UTC)
    held = make_event(make_request(project, old), project, old, status="FAILED", attempts=1)
    waiting = make_event(make_request(project, old), project, old, status="FAILED", attempts=1)
    row = start(project, id=[held.id], **{"from": "2020-05-01T00:00:00Z"})
    drain()
    pause(project)
    release(project)
    pause(project)
    assert Event.objects.get(id=held.id).status == "HOLD"
    change(project.connection, paused_at=None)
    other = start(project, id=[waiting.id], **{"from": "2020-05-01T00:00:00Z"})
    drain()
    while drop_expired(now=utc_now(), retention_days=dict.fromkeys(PREFIXES, 30)):
        pass
    assert not Event.objects.exists()
    drain()
    assert (outcomes(row), outcomes(other)) == ((0, 0, 0, 1), (0, 0, 1, 0))
    assert {answer(each)["status"] for each in (row, other)} == {"COMPLETED"}


class _Chaos:
    """Operators, workers and faults, one after the other, as a seed has it."""

    def __init__(self, project: Project, door: DataConnection, router: Router, *, seed: int) -> None:
        self.random = random.Random(seed)
        self.project, self.door, self.router = project, door, router
        self.connections = [project.connection, add_connection(project, destination=add_destination(project))]
        self.operations: list[BulkOperation] = []
        self.in_flight: list[ClaimedJob] = []
        at = utc_now() - timedelta(seconds=30)
        for connection in self.connections:
            aims = {"connection_id": connection.id, "destination_id": connection.destination_id}
            make_ended(project, 6, at=at, **aims)
            make_ended(project, 2, at=at, attempts=0, failure_message="TRANSFORMATION_FAILED: x", **aims)
        made = sorted(Event.objects.values_list("id", flat=True))
        self.to_drop = [made[5], made[2]]
        self.operations.append(start(project, id=self._some(made)))
        drain()

    def step(self) -> None:
        self.random.choice([
            *[self.operate] * 3,
            *[self.cancel_operation] * 2,
            self.drop_oldest,
            *[self.retry] * 2,
            self.cancel,
            *[self.claim] * 2,
            *[self.finish] * 3,
            self.give_back,
            self.lose_leases,
            *[self.configure] * 3,
            *[self.reconcile] * 2,
            self.run_rules,
            fold_outcomes,
        ])()  # fmt: skip

    def operate(self) -> None:
        ids = self._some(Event.objects.values_list("id", flat=True))
        kind = self.random.choice(["event_bulk_retry", "event_bulk_retry", "event_bulk_cancel", "requests"])
        if kind == "requests":
            requests = Event.objects.filter(id__in=ids[:2]).values_list("request_id", flat=True)
            given = {"requests": True, "id": list(requests)}
        else:
            given = {"type": kind, "id": ids}
        try:
            self.operations.append(start(self.project, **given))
        except Conflict:
            return
        if self.random.random() < 0.7:
            drain()

    def cancel_operation(self) -> None:
        with contextlib.suppress(Conflict):
            cancel_operation(self.random.choice(self.operations), actor=OPERATOR)
        if self.random.random() < 0.7:
            drain()

    def drop_oldest(self) -> None:
        """As retention does, were they of another day. Replays, whose branches are counted in the end, come later."""
        if self.to_drop:
            before = self.to_drop.pop()
            retention._end_waiting(before=before)
            Event.objects.filter(id__lt=before).delete()

    def retry(self) -> None:
        retry_by_hand(*self._some(Event.objects.values_list("id", flat=True)))

    def cancel(self) -> None:
        cancel_by_hand(*self._some(Event.objects.values_list("id", flat=True)))

    def claim(self) -> None:
        self.in_flight += claim(self.door)

    def finish(self) -> None:
        ends = (success, failure, lambda job: failure(job, next_attempt_at=utc_now()))
        self.door.run(finish_attempts, [self.random.choice(ends)(job) for job in self._taken()])

    def give_back(self) -> None:
        self.door.run(release_jobs, self._taken())

    def lose_leases(self) -> None:
        """Results of those who lost them may come in still."""
        DeliveryJob.objects.filter(rank=0).update(due_at=utc_now() - HOUR)

    def configure(self) -> None:
        connection = self.random.choice(self.connections)
        now = utc_now()
        row, values = self.random.choice([
            (connection, {"paused_at": now}),
            (connection, {"paused_at": None, "disabled_at": None}),
            (connection, {"paused_at": None, "disabled_at": now}),
            (connection, {"rules": PASSES}),
            (connection, {"rules": STOPS}),
            (connection.destination, {"disabled_at": now}),
            (connection.destination, {"disabled_at": None}),
        ])  # fmt: skip
        row.refresh_from_db()
        change(row, reconcile_requested_at=now, **values)

    def reconcile(self) -> None:
        reconcile_all(seconds=5)

    def run_rules(self) -> None:
        while self.router.route_batch():
            pass
        self.router.run_rules_again()

    def become_quiet(self) -> None:
        """Everything is let through until nothing waits."""
        for connection in self.connections:
            for row in (connection, connection.destination):
                row.refresh_from_db()
                values = {"disabled_at": None, **({"paused_at": None} if row is connection else {})}
                change(row, reconcile_requested_at=utc_now(), **values)
        self.in_flight.clear()
        DeliveryJob.objects.filter(cancelled=True).delete()
        drain()
        for _ in range(20):
            self.reconcile()
            self.run_rules()
            DeliveryJob.objects.update(due_at=utc_now() - HOUR)
            deliver(self.door)
            drain()
        assert not DeliveryJob.objects.exists()
        assert set(Event.objects.values_list("status", flat=True)) <= {"SUCCESSFUL", "FAILED", "CANCELLED"}

    def _some(self, ids: Iterable[str]) -> list[str]:
        found = sorted(ids)
        return self.random.sample(found, min(len(found), self.random.randint(1, 8)))

    def _taken(self) -> list[ClaimedJob]:
        taken = [job for job in self.in_flight if self.random.random() < 0.7]
        self.in_flight = [job for job in self.in_flight if job not in taken]
        return taken


@pytest.mark.parametrize("seed", range(6))
def test_whatever_operators_do_each_delivery_of_an_operation_counts_once(
    project: Project, door: DataConnection, router: Router, seed: int
) -> None:
    chaos = _Chaos(project, door, router, seed=seed)
    for _ in range(50):
        chaos.step()
        for row in chaos.operations:
            shown = answer(row)
            if row.type == "event_bulk_retry":
                assert sum(outcomes(row)) + shown["waiting_count"] == shown["queued_count"]
            assert shown["finished_at"] is None or shown["waiting_count"] == 0
    chaos.become_quiet()
    for row in chaos.operations:
        expected = _deliveries(row) if row.type == "request_bulk_retry" else answer(row)["queued_count"]
        assert (sum(outcomes(row)), answer(row)["waiting_count"]) == (expected, 0), row.type
        assert answer(row)["status"] in ("COMPLETED", "CANCELLED")
        assert answer(row)["finished_at"] is not None
    assert answer(chaos.operations[0])["queued_count"] > 0


def _deliveries(row: BulkOperation) -> int:
    """Of the requests that it accepted again: the branches that were not ignored."""
    requests = Request.objects.filter(batch_operation_id=row.id).values("id")
    return Event.objects.filter(request_id__in=requests, ignored_meta__isnull=True).count()
