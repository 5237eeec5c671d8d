"""What each stage counts, and the lines of ids by which one webhook can be followed through the log."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from destinations.outbound.tests.receivers import OK, answers
from events.delivery import results
from events.delivery.tests.test_delivery import deliver_to as deliver_prepared
from events.delivery.worker import Deliverer
from events.ingress import capture as capture_module
from events.ingress.app import Ingress
from events.ingress.evidence_budget import EvidenceBudget
from events.ingress.tests.test_ingress import ask, call, chunks, run, scope_of
from events.lifecycle.reconcile import reconcile_all
from events.models import Attempt, DeliveryJob, Event, Request, RouteJob
from events.routing.worker import Router
from events.tests.plane import accept, accept_and_route, add_connection, add_destination, captured, change, make_plane
from events.tests.plane import set_job as set_delivery_job
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection
from fasthook.metrics.registry import TABLE
from fasthook.metrics.types import Gauge, Histogram

Counted = Callable[[], dict[str, float]]


@pytest.fixture
def project(transactional_db: None, settings: Any) -> Project:
    settings.DELIVERY_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    made = make_plane()
    change(made.source, slug="abc")
    return made


@pytest.fixture
def counted() -> Counted:
    """What was added since: counters by name and labels, histograms by how many values they saw. Without database_*."""
    before = TABLE.values.view.tolist()

    def since() -> dict[str, float]:
        added = {}
        for measure in TABLE.measures:
            width = measure.width - 1 if isinstance(measure, Histogram) else 1
            for labels, place in measure.places.items():
                cells = range(place, place + width)
                amount = sum(TABLE.values.view[cell] - before[cell] for cell in cells)
                if amount and not isinstance(measure, Gauge) and "database" not in measure.name:
                    added[" ".join([measure.name.removeprefix("fasthook_").removesuffix("_total"), *labels])] = amount
        return added

    return since


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    import structlog

    monkeypatch.setattr("events.delivery.counts.log", structlog.get_logger("counting"))
    with capture_logs() as captured_lines:
        yield captured_lines


def drain() -> None:
    async def work() -> None:
        deliverer = Deliverer()
        try:
            async with asyncio.timeout(10):
                await deliverer.drain(threading.Event())
        finally:
            await deliverer.close()

    asyncio.run(work())


def deliver_to(project: Project, raw: bytes, prepare: Callable[[], Any]) -> None:
    def begin(port: int) -> None:
        change(project.destination, url=f"http://127.0.0.1:{port}/")
        prepare()

    deliver_prepared(answers(raw), begin)


def test_an_accepted_request_is_counted_once_it_is_committed(project: Project, counted: Counted, lines: Any) -> None:
    assert call().status == 200
    assert counted() == {"requests_accepted": 1, "accept_seconds": 1, "capture_group_requests": 1}
    assert [line for line in lines if line["event"] == "requests.stored"] == [
        {"event": "requests.stored", "request_ids": [Request.objects.get().id], "log_level": "info"}
    ]


def test_a_rejected_request_is_counted_by_its_cause(project: Project, counted: Counted, lines: Any) -> None:
    assert call(method="GET").status == 405
    assert counted() == {"requests_rejected SOURCE_METHOD_NOT_ALLOWED": 1, "capture_group_requests": 1}
    (line,) = [line for line in lines if line["event"] == "requests.stored"]
    assert (line["request_ids"], line["rejected"]) == ([], {Request.objects.get().id: "SOURCE_METHOD_NOT_ALLOWED"})


def test_an_unknown_source_is_counted_too(project: Project, counted: Counted) -> None:
    assert call("/in/nobody/").status == 404
    assert counted() == {"requests_rejected UNKNOWN_SOURCE": 1}


def test_evidence_that_is_not_kept_is_counted(project: Project, counted: Counted) -> None:
    change(project.source, disabled_at=utc_now())

    async def work(ingress: Ingress) -> None:
        ingress._budget = EvidenceBudget(1)
        for _ in range(3):
            await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))

    run(work)
    assert counted() == {
        "requests_rejected SOURCE_DISABLED": 3,
        "evidence_discarded": 2,
        "capture_group_requests": 1,
    }


def test_refusals_without_storage_are_counted_and_said_once(
    project: Project, counted: Counted, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real, away = capture_module.write_requests, [True]

    def write(*args: Any) -> None:
        if away:
            raise psycopg.OperationalError("away")
        real(*args)

    monkeypatch.setattr(capture_module, "write_requests", write)

    async def work(ingress: Ingress) -> None:
        for _ in range(20):
            await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))
        away.clear()
        await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))

    run(work)
    written = capfd.readouterr().err
    assert counted()["requests_refused STORAGE_AWAY"] == 20
    assert counted()["requests_accepted"] == 1
    assert (written.count("capture.failed"), written.count("capture.restored")) == (1, 1)
    assert "failures=20" in written


def test_routing_counts_branches_by_what_became_of_them(project: Project, counted: Counted, lines: Any) -> None:
    add_connection(project, destination=add_destination(project), paused_at=utc_now())
    filtered = add_connection(project, destination=add_destination(project))
    change(filtered, rules=[{"type": "filter", "body": {"id": 99}}])
    delayed = add_connection(project, destination=add_destination(project))
    change(delayed, rules=[{"type": "delay", "delay": 60_000}])
    add_connection(project, destination=add_destination(project, disabled_at=utc_now()))
    accept_and_route(project, 3)
    assert counted() == {
        "claims route empty": 1,
        "claims route partial": 1,
        "claimed_jobs route": 1,
        "requests_routed": 3,
        "events_created QUEUED": 3,
        "events_created SCHEDULED": 3,
        "events_created HOLD": 3,
        "branches_ignored FILTERED": 3,
        "branches_ignored DESTINATION_DISABLED": 3,
    }
    (line,) = [line for line in lines if line["event"] == "requests.routed"]
    assert set(line["request_ids"]) == set(Request.objects.values_list("id", flat=True))
    assert set(line["event_ids"]) == set(Event.objects.values_list("id", flat=True))


def test_a_router_that_lost_its_lease_counts_nothing_as_routed(
    project: Project, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, router = DataConnection("test write"), Router()
    try:
        accept(door, [captured(project)])

        def lose(requests: Any, *_: Any) -> Any:
            door.run(lambda each: each.execute("DELETE FROM route_job"))
            return requests

        monkeypatch.setattr(router._evaluator, "_with_payloads", lose)
        router.route_batch()
    finally:
        door.close()
        router.close()
    assert counted() == {"claims route partial": 1, "claimed_jobs route": 1}


def test_a_lease_that_ran_out_is_counted_where_it_is_claimed_again(
    project: Project, counted: Counted, lines: Any
) -> None:
    door, router = DataConnection("test write"), Router()
    try:
        accept(door, [captured(project)])
        accept(door, [captured(project)])
        RouteJob.objects.filter(request_id=Request.objects.order_by("id")[0].id).update(claim_count=1)
        router.route_batch()
    finally:
        door.close()
        router.close()
    assert counted()["leases_expired route"] == 1
    assert {"event": "leases.expired", "stage": "route", "jobs": 1, "log_level": "warning"} in lines


def test_a_full_claim_is_told_from_a_partial_one(project: Project, counted: Counted, settings: Any) -> None:
    settings.ROUTE_BATCH = 2
    accept_and_route(project, 3)
    assert {name: value for name, value in counted().items() if name.startswith("claims ")} == {
        "claims route full": 1,
        "claims route partial": 1,
        "claims route empty": 1,
    }


def test_a_delivered_event_is_counted_with_its_times(project: Project, counted: Counted) -> None:
    deliver_to(project, OK, lambda: accept_and_route(project, 3))
    found = counted()
    assert {name: found[name] for name in ("attempts SUCCESSFUL", "events_delivered", "attempt_seconds")} == {
        "attempts SUCCESSFUL": 3,
        "events_delivered": 3,
        "attempt_seconds": 3,
    }
    assert found["first_attempt_wait_seconds"] == 3
    assert found["claims deliver partial"] == 1
    assert not {"events_failed", "retries_planned", "attempts_late"} & set(found)


@pytest.mark.parametrize("has_retry", [True, False])
def test_a_failed_attempt_is_a_planned_retry_or_the_end(project: Project, counted: Counted, has_retry: bool) -> None:
    if has_retry:
        change(project.connection, rules=[{"type": "retry", "strategy": "linear", "interval": 60_000, "count": 1}])
    deliver_to(project, b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", lambda: accept_and_route(project))
    found = counted()
    assert found["attempts BAD_RESPONSE"] == 1
    assert (found.get("retries_planned", 0), found.get("events_failed", 0)) == ((1, 0) if has_retry else (0, 1))


def test_an_attempt_that_reached_nobody_has_no_latency(project: Project, counted: Counted) -> None:
    accept_and_route(project)
    Request.objects.all().delete()
    drain()
    assert counted()["attempts INTERNAL_ERROR"] == 1
    assert "attempt_seconds" not in counted()


def test_a_late_result_is_counted_as_late_only(
    project: Project, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "finish_attempts", lambda connection, results: set())
    deliver_to(project, OK, lambda: accept_and_route(project))
    found = counted()
    assert (found["attempts_late"], found.get("attempts SUCCESSFUL")) == (1, None)
    assert Attempt.objects.count() == 0


def test_waits_that_somebody_wanted_are_not_counted_as_waits(project: Project, counted: Counted) -> None:
    change(project.connection, rules=[{"type": "delay", "delay": 1000}])

    def prepare() -> None:
        for event_id in accept_and_route(project):
            set_delivery_job(event_id, due_at=utc_now())

    deliver_to(project, OK, prepare)
    assert counted()["attempts SUCCESSFUL"] == 1
    assert "first_attempt_wait_seconds" not in counted()


def test_a_retry_is_not_a_first_attempt(project: Project, counted: Counted) -> None:
    def prepare() -> None:
        for event_id in accept_and_route(project):
            set_delivery_job(event_id, attempt_number=2, trigger="AUTOMATIC")

    deliver_to(project, OK, prepare)
    assert "first_attempt_wait_seconds" not in counted()


def test_settled_events_are_counted(project: Project, counted: Counted) -> None:
    accept_and_route(project, 2)
    change(project.connection, paused_at=utc_now(), reconcile_requested_at=utc_now())
    reconcile_all(seconds=5)
    assert counted()["events_settled"] == 2
    assert not DeliveryJob.objects.exists()


def test_postgres_time_and_failures_are_counted_by_stage(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = next(measure for measure in TABLE.measures if measure.name == "fasthook_database_seconds")
    failures = next(measure for measure in TABLE.measures if measure.name == "fasthook_database_failures_total")
    place = seconds.places[("route",)]

    def state() -> tuple[float, float]:
        return sum(TABLE.values.view[place : place + seconds.width - 1]), TABLE.values.view[failures.places[("route",)]]

    def fail(connection: Any) -> None:
        raise psycopg.errors.QueryCanceled("too slow")

    door = DataConnection("route")
    before = state()
    try:
        door.run(lambda connection: connection.execute("SELECT 1"))
        with pytest.raises(psycopg.errors.QueryCanceled):
            door.run(fail)
    finally:
        door.close()
    assert [after - old for after, old in zip(state(), before, strict=True)] == [2, 1]
