"""Routing against Postgres: every branch once, under the configuration of its commit."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection as database
from psycopg import errors

from events.housekeeping import _delete_in_pages
from events.models import DeduplicationKey, DeliveryJob, Event, RouteJob
from events.routing import claims, worker
from events.routing.decide import MAX_CLAIMS
from events.routing.worker import Router
from events.tests.plane import accept, add_connection, captured, change
from events.tests.seed import Project
from fasthook.lib import nudge as nudging
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import time_of
from fasthook.lib.nudge import nudge
from fasthook.lib.sql import DataConnection
from teams.config.lock import CONFIG_LOCK

DEDUP = [{"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}]
FILTER = [{"type": "filter", "body": {"kind": "wanted"}}]


def between_claim_and_write(router: Router, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Runs `act` once, when the batch has been claimed and its payloads read."""
    real, acted = router._write, []

    def write(*args: Any) -> int:
        if not acted:
            acted.append(1)
            act()
        return real(*args)

    monkeypatch.setattr(router, "_write", write)


def raising(fault: Exception) -> Callable[..., Any]:
    def work(*args: Any) -> Any:
        raise fault

    return work


def outcomes() -> dict[str, tuple[str, str | None]]:
    return {row[0]: row[1:] for row in Event.objects.values_list("connection_id", "status", "ignored_cause")}


def test_a_request_becomes_one_event_and_job_for_each_live_connection(
    project: Project, door: DataConnection, router: Router
) -> None:
    second = add_connection(project, rules=[{"type": "delay", "delay": 3_600_000}])
    held = add_connection(project, paused_at=utc_now())
    add_connection(project, disabled_at=utc_now())
    add_connection(project, deleted_at=utc_now())
    (request_id,) = accept(door, [captured(project)])
    assert router.route_batch() == 1
    assert outcomes() == {
        project.connection.id: ("QUEUED", None),
        second.id: ("SCHEDULED", None),
        held.id: ("HOLD", None),
    }
    jobs = {job.connection_id: job for job in DeliveryJob.objects.all()}
    assert set(jobs) == {project.connection.id, second.id}
    accepted_at = time_of(request_id)
    first = jobs[project.connection.id]
    assert (first.rank, first.due_at, first.attempt_number, first.retry_number, first.trigger, first.body_size) == (
        1,
        accepted_at,
        1,
        0,
        "INITIAL",
        9,
    )
    delayed = Event.objects.get(connection_id=second.id)
    assert jobs[second.id].due_at == delayed.next_attempt_at == accepted_at + timedelta(hours=1)
    assert not RouteJob.objects.exists()


def test_a_request_without_a_live_connection_leaves_nothing_to_do(
    project: Project, door: DataConnection, router: Router
) -> None:
    change(project.connection, disabled_at=utc_now())
    accept(door, [captured(project)])
    assert router.route_batch() == 1
    assert router.route_batch() == 0
    assert not Event.objects.exists()
    assert not RouteJob.objects.exists()


def test_rejected_requests_and_handshakes_are_not_routed(project: Project, door: DataConnection) -> None:
    accept(door, [captured(project, rejection_cause="SOURCE_DISABLED"), captured(project, handshake=True)])
    assert not RouteJob.objects.exists()


def test_who_lost_the_lease_between_claim_and_write_writes_nothing(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, lost = accept(door, [captured(project), captured(project)])
    between_claim_and_write(
        router, monkeypatch, lambda: RouteJob.objects.filter(request_id=lost).update(lease_token=uuid4())
    )
    router.route_batch()
    assert list(Event.objects.values_list("request_id", flat=True)) == [kept]
    assert RouteJob.objects.get().request_id == lost


def test_a_dead_routers_requests_are_routed_by_another(project: Project, door: DataConnection, router: Router) -> None:
    accept(door, [captured(project)])
    assert len(door.run(claims.claim_jobs, uuid4(), slow=False, limit=10)) == 1
    assert router.route_batch() == 0
    RouteJob.objects.update(due_at=utc_now() - timedelta(seconds=1))
    assert router.route_batch() == 1
    assert Event.objects.count() == 1


def test_two_routers_at_once_give_every_branch_once(
    project: Project, door: DataConnection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ROUTE_BATCH = 40
    add_connection(project)
    ids = accept(door, [captured(project) for _ in range(500)])
    started = threading.Barrier(2)

    def drain(_: int) -> int:
        router, routed = Router(), 0
        try:
            started.wait(timeout=10)
            while claimed := router.route_batch():
                routed += claimed
        finally:
            router.close()
            database.close()
        return routed

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(drain, range(2))) == 500
    branches = Counter(Event.objects.values_list("request_id", "connection_id"))
    assert set(branches.values()) == {1}
    assert len(branches) == 1000
    assert {request_id for request_id, _ in branches} == set(ids)
    assert DeliveryJob.objects.count() == 1000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"paused_at": True}, ("HOLD", None)),
        ({"disabled_at": True}, None),
        ({"deleted_at": True}, None),
        ({"rules": FILTER}, ("CANCELLED", "FILTERED")),
    ],
)
def test_a_change_between_claim_and_write_holds_for_the_batch(
    project: Project,
    door: DataConnection,
    router: Router,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    expected: tuple[str, str | None] | None,
) -> None:
    accept(door, [captured(project)])
    router.route_batch()
    Event.objects.all().delete()
    accept(door, [captured(project)])
    values = {name: utc_now() if value is True else value for name, value in changes.items()}
    between_claim_and_write(router, monkeypatch, lambda: change(project.connection, **values))
    router.route_batch()
    assert outcomes() == ({project.connection.id: expected} if expected else {})


def test_a_connection_made_between_claim_and_write_gets_its_branch_by_its_filter(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(door, [captured(project, body=b'{"kind": "wanted"}'), captured(project, body=b'{"kind": "other"}')])
    made = []
    between_claim_and_write(
        router, monkeypatch, lambda: made.append(add_connection(project, rules=FILTER, name="late"))
    )
    router.route_batch()
    late = Event.objects.filter(connection_id=made[0].id).order_by("request_id")
    assert list(late.values_list("status", "ignored_cause")) == [("QUEUED", None), ("CANCELLED", "FILTERED")]


def test_a_destination_disabled_between_claim_and_write_ignores_the_branch(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(door, [captured(project)])
    between_claim_and_write(router, monkeypatch, lambda: change(project.destination, disabled_at=utc_now()))
    router.route_batch()
    assert outcomes() == {project.connection.id: ("CANCELLED", "DESTINATION_DISABLED")}
    assert not DeliveryJob.objects.exists()


def test_configuration_cannot_change_while_branches_are_written(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(door, [captured(project)])
    real, waited = worker.write_branches, []

    def write(*args: Any) -> int:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [CONFIG_LOCK])
            waited.append(cursor.fetchone()[0])
        return real(*args)

    monkeypatch.setattr(worker, "write_branches", write)
    router.route_batch()
    assert waited == [False]


def test_a_repeat_is_ignored_across_batches(project: Project, door: DataConnection, router: Router) -> None:
    change(project.connection, rules=DEDUP)
    (first,) = accept(door, [captured(project)])
    router.route_batch()
    (second,) = accept(door, [captured(project)])
    router.route_batch()
    assert Event.objects.get(request_id=first).status == "QUEUED"
    ignored = Event.objects.get(request_id=second)
    assert (ignored.status, ignored.ignored_cause, ignored.ignored_meta) == (
        "CANCELLED",
        "DEDUPLICATED",
        {"first_request_id": first},
    )
    window = DeduplicationKey.objects.get()
    assert (window.request_id, window.expires_at) == (first, time_of(first) + timedelta(seconds=60))


def test_a_window_that_is_over_opens_anew(project: Project, door: DataConnection, router: Router) -> None:
    change(project.connection, rules=DEDUP)
    accept(door, [captured(project)])
    router.route_batch()
    DeduplicationKey.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    accept(door, [captured(project)])
    router.route_batch()
    assert set(Event.objects.values_list("status", flat=True)) == {"QUEUED"}


def test_two_routers_that_meet_in_one_key_let_one_event_pass(
    project: Project, door: DataConnection, settings: Any
) -> None:
    change(project.connection, rules=DEDUP)
    settings.ROUTE_BATCH = 10
    accept(door, [captured(project, body=b'{"id": %d}' % (number % 7)) for number in range(100)])
    started = threading.Barrier(2)

    def drain(_: int) -> None:
        router = Router()
        try:
            started.wait(timeout=10)
            while router.route_batch():
                pass
        finally:
            router.close()
            database.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(drain, range(2)))
    assert Event.objects.filter(status="QUEUED").count() == 7
    assert Event.objects.filter(ignored_cause="DEDUPLICATED").count() == 93


class Sweeping(psycopg.Cursor[Any]):
    """Maintenance comes by right after a key was found."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().execute(query, *args, **kwargs)
        if "INSERT INTO deduplication_key" in str(query):
            _delete_in_pages("deduplication_key", "expires_at < now()")
        return answer


def test_a_window_that_is_over_is_not_deleted_while_it_opens_anew(
    project: Project, door: DataConnection, router: Router
) -> None:
    change(project.connection, rules=DEDUP)
    accept(door, [captured(project)])
    router.route_batch()
    DeduplicationKey.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    accept(door, [captured(project)])
    router._database.run(lambda connection: setattr(connection, "cursor_factory", Sweeping))
    router.route_batch()
    assert DeduplicationKey.objects.get().expires_at > utc_now()


def test_a_batch_is_bounded_in_bytes_but_never_empty(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BATCH_BYTES", 250)
    accept(door, [captured(project, body=b"x" * 100) for _ in range(4)])
    assert [router.route_batch() for _ in range(3)] == [3, 1, 0]
    monkeypatch.setattr(claims, "BATCH_BYTES", 1)
    accept(door, [captured(project, body=b"x" * 100) for _ in range(2)])
    assert [router.route_batch() for _ in range(3)] == [1, 1, 0]


class Counting(psycopg.Cursor[Any]):
    statements: list[str] = []

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        self.statements.append(str(query))
        return super().execute(query, *args, **kwargs)

    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        self.statements.append(str(statement))
        return super().copy(statement, *args, **kwargs)


@pytest.mark.parametrize("count", [1, 200])
def test_the_statements_of_a_batch_do_not_grow_with_it(
    project: Project, door: DataConnection, router: Router, count: int
) -> None:
    change(project.connection, rules=[*DEDUP, *FILTER])
    add_connection(project)
    accept(door, [captured(project)])
    router.route_batch()
    accept(door, [captured(project, body=b'{"id": %d}' % number) for number in range(count)])

    router._database.run(lambda connection: setattr(connection, "cursor_factory", Counting))
    Counting.statements = []
    router.route_batch()
    # Claim, payloads, gate, version, jobs away, keys (taken, saved), events, jobs.
    assert len(Counting.statements) <= 9


def test_a_postgres_that_dies_during_the_write_costs_nothing(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(door, [captured(project) for _ in range(3)])
    real, killed = worker.write_branches, []

    def write(*args: Any) -> int:
        if not killed:
            (pid,) = killed.append(1) or router._database._connection.execute("SELECT pg_backend_pid()").fetchone()  # type: ignore[union-attr,misc]
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return real(*args)

    monkeypatch.setattr(worker, "write_branches", write)
    assert router.route_batch() == 3
    assert Event.objects.count() == 3
    assert not RouteJob.objects.exists()


@pytest.mark.parametrize("fault", [errors.DiskFull(), errors.AdminShutdown(), psycopg.OperationalError("gone")])
def test_a_postgres_that_takes_nothing_for_long_uses_up_no_tries(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    ids = accept(door, [captured(project) for _ in range(3)])
    with monkeypatch.context() as patched:
        patched.setattr(worker, "write_branches", raising(fault))
        for _ in range(2 * MAX_CLAIMS):
            with pytest.raises(type(fault)):
                router.route_batch()
    assert dict(RouteJob.objects.values_list("request_id", "claim_count")) == dict.fromkeys(ids, 0)
    assert router.route_batch() == 3
    assert set(Event.objects.values_list("request_id", "status")) == {(request_id, "QUEUED") for request_id in ids}


def test_jobs_that_could_not_be_returned_at_once_are_returned_before_the_next_claim(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(door, [captured(project)])
    with monkeypatch.context() as patched:
        patched.setattr(worker, "write_branches", raising(errors.DiskFull()))
        patched.setattr(worker, "return_jobs", raising(errors.DiskFull()))
        with pytest.raises(errors.DiskFull):
            router.route_batch()
        assert RouteJob.objects.get().claim_count == 1
        assert router.route_batch() == 0
    assert router.route_batch() == 1
    assert Event.objects.get().status == "QUEUED"


def test_a_statement_that_postgres_gives_up_on_uses_up_a_try(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a request that no statement can take in time would be tried for ever, and all behind it."""
    accept(door, [captured(project)])
    monkeypatch.setattr(worker, "write_branches", raising(errors.QueryCanceled()))
    with pytest.raises(errors.QueryCanceled):
        router.route_batch()
    job = RouteJob.objects.get()
    assert job.claim_count == 1
    assert job.due_at > utc_now()


def test_only_the_request_that_cannot_be_written_stays_behind(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = accept(door, [captured(project) for _ in range(3)])
    real = worker.write_branches

    def write(cursor: Any, branches: Any) -> int:
        if any(branch.request.id == ids[1] for branch in branches):
            raise TypeError("not serialisable")
        return real(cursor, branches)

    monkeypatch.setattr(worker, "write_branches", write)
    assert router.route_batch() == 3
    assert set(Event.objects.values_list("request_id", flat=True)) == {ids[0], ids[2]}
    assert RouteJob.objects.get().request_id == ids[1]


def test_suspects_are_routed_one_by_one_and_the_others_are_given_back_uncounted(
    project: Project, door: DataConnection, router: Router
) -> None:
    ids = accept(door, [captured(project) for _ in range(3)])
    RouteJob.objects.filter(request_id=ids[1]).update(claim_count=2)
    router.route_batch()
    assert list(Event.objects.values_list("request_id", "status")) == [(ids[1], "QUEUED")]
    assert dict(RouteJob.objects.values_list("request_id", "claim_count")) == {ids[0]: 0, ids[2]: 0}
    router.route_batch()
    assert Event.objects.count() == 3


def test_a_drain_ends_when_it_is_asked_to_stop(project: Project, door: DataConnection, router: Router) -> None:
    accept(door, [captured(project)])
    stopping = threading.Event()
    stopping.set()
    assert router.drain(seconds=60, stopping=stopping) == 1


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that messages were sent to, from now on."""
    stages: list[str] = []
    monkeypatch.setattr(nudging, "_send", stages.append)
    return stages


def test_who_told_a_drain_that_ended_keeps_nobody_from_sending_a_message(router: Router, sent: list[str]) -> None:
    nudge("route")
    router.drain(seconds=0, stopping=threading.Event())
    sent.clear()
    nudge("route")
    assert sent == ["route"]


def test_a_drain_whose_time_is_over_sends_a_message_for_the_rest(
    project: Project, door: DataConnection, router: Router, settings: Any, sent: list[str]
) -> None:
    settings.ROUTE_BATCH = 1
    accept(door, [captured(project), captured(project)])
    assert router.drain(seconds=0, stopping=threading.Event()) == 1
    assert "route" in sent


def test_work_that_is_accepted_during_a_drain_is_routed_by_it(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LINGER_S", 0.05)
    real, more = router.route_batch, [captured(project), captured(project)]

    def route_batch() -> int:
        if more:
            accept(door, [more.pop()])
        return real()

    monkeypatch.setattr(router, "route_batch", route_batch)
    assert router.drain(seconds=60, stopping=threading.Event()) == 2
