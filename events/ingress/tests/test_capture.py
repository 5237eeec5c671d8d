"""The group committer, on a real loop and a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection as database

from events.ingress import capture as module
from events.ingress.capture import Capture, CaptureFailed
from events.ingress.store import CapturedRequest
from events.models import DiscardedRequests, Request, RouteJob
from events.storage.partitions import ensure_partitions
from events.tests.plane import captured
from events.tests.seed import Project
from fasthook.lib.ids import time_of

MINUTE = datetime(2026, 5, 29, 10, 0, 30, tzinfo=UTC)


def run(work: Callable[[Capture], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        capture = Capture()
        capture.start()
        try:
            async with asyncio.timeout(10):
                return await work(capture)
        finally:
            await capture.stop()

    return asyncio.run(inside())


def store_all(requests: list[CapturedRequest]) -> list[BaseException | None]:
    async def work(capture: Capture) -> Any:
        return await asyncio.gather(*(capture.store(request) for request in requests), return_exceptions=True)

    outcome: list[BaseException | None] = run(work)
    return outcome


def counting_groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    real = module.write_requests

    def write(connection: Any, requests: Any) -> None:
        sizes.append(len(requests))
        real(connection, requests)

    monkeypatch.setattr(module, "write_requests", write)
    return sizes


def test_a_stored_request_is_on_disk_with_its_job(project: Project) -> None:
    request = captured(project, headers=[("a", "1"), ("a", "\xff")], query="q=%00", body=b"\x00\xff", path="/x%20y")
    assert store_all([request]) == [None]
    row = Request.objects.get()
    assert (row.id, row.status, row.verified, row.method, row.path, row.query, row.headers) == (
        request.id,
        "accepted",
        False,
        "POST",
        "/x%20y",
        "q=%00",
        [["a", "1"], ["a", "\xff"]],
    )
    assert (bytes(row.body or b""), row.client_ip, row.created_at) == (
        b"\x00\xff",
        "203.0.113.9",
        time_of(request.id),
    )
    job = RouteJob.objects.get()
    assert (job.request_id, job.source_id, job.body_size, job.claim_count) == (request.id, project.source.id, 2, 0)


def test_a_rejected_request_is_evidence_without_a_job(project: Project) -> None:
    assert store_all([captured(project, rejection_cause="PAYLOAD_TOO_LARGE", body=None)]) == [None]
    row = Request.objects.get()
    assert (row.status, row.rejection_cause, row.body) == ("rejected", "PAYLOAD_TOO_LARGE", None)
    assert not RouteJob.objects.exists()


def test_many_at_once_are_few_transactions(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = counting_groups(monkeypatch)
    assert store_all([captured(project) for _ in range(600)]) == [None] * 600
    assert Request.objects.count() == RouteJob.objects.count() == 600
    assert len(sizes) <= 12
    assert max(sizes) <= 256


def test_groups_are_bounded_in_bytes(project: Project, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CAPTURE_GROUP_BYTES = 250
    sizes = counting_groups(monkeypatch)
    store_all([captured(project, body=b"x" * 100) for _ in range(20)])
    assert max(sizes) == 3


@pytest.mark.parametrize("poison", [{"headers": [("a", "nul \0")]}, {"path": "/nul\0"}])
def test_a_poisonous_request_fails_alone(project: Project, poison: dict[str, Any]) -> None:
    outcomes = store_all([captured(project), captured(project, **poison), captured(project)])
    assert [type(outcome) for outcome in outcomes] == [type(None), CaptureFailed, type(None)]
    assert Request.objects.count() == RouteJob.objects.count() == 2


def test_without_postgres_callers_are_told_and_afterwards_it_works_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = psycopg.connect
    away = [True]

    def connect(*args: Any, **kwargs: Any) -> Any:
        if away:
            raise psycopg.OperationalError("connection refused")
        return real(*args, **kwargs)

    monkeypatch.setattr("fasthook.lib.sql.psycopg.connect", connect)
    late = captured(project)

    async def work(capture: Capture) -> None:
        with pytest.raises(CaptureFailed, match="connection refused"):
            await capture.store(captured(project))
        away.clear()
        await capture.store(late)

    run(work)
    assert Request.objects.get().id == late.id


def test_a_connection_cut_between_two_requests_costs_nothing(project: Project) -> None:
    def cut() -> None:
        try:
            with database.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'fasthook capture' AND datname = current_database()"
                )
                assert cursor.fetchall() == [(True,)]
        finally:
            database.close()

    async def work(capture: Capture) -> None:
        await capture.store(captured(project))
        await asyncio.to_thread(cut)
        await capture.store(captured(project))

    run(work)
    assert Request.objects.count() == 2


def test_a_missing_partition_is_made_on_the_way(project: Project) -> None:
    with database.cursor() as cursor:
        cursor.execute(f"DROP TABLE requests_{datetime.now(UTC):%Y%m%d}")
    try:
        assert store_all([captured(project), captured(project)]) == [None, None]
    finally:
        ensure_partitions(now=datetime.now(UTC))
    assert Request.objects.count() == 2


def test_discarded_requests_are_counted_by_source_minute_and_cause(project: Project) -> None:
    async def work(capture: Capture) -> None:
        for cause, count in (("SOURCE_AUTH_FAILED", 3), ("SOURCE_DISABLED", 1)):
            for _ in range(count):
                capture.discard(team_id=project.team.id, source_id=project.source.id, cause=cause, now=MINUTE)

    run(work)
    run(work)
    counted = DiscardedRequests.objects.values_list("rejection_cause", "minute", "count").order_by("rejection_cause")
    minute = MINUTE.replace(second=0)
    assert list(counted) == [("SOURCE_AUTH_FAILED", minute, 6), ("SOURCE_DISABLED", minute, 2)]


def test_counts_outlast_an_absent_postgres(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNT_S", 0.0)
    real, failures = module.add_discarded, [psycopg.OperationalError("away")]

    def add(connection: Any, rows: Any) -> None:
        if failures:
            raise failures.pop()
        real(connection, rows)

    monkeypatch.setattr(module, "add_discarded", add)

    async def work(capture: Capture) -> None:
        capture.discard(team_id=project.team.id, source_id=project.source.id, cause="X", now=MINUTE)
        await capture.store(captured(project))

    run(work)
    assert failures == []
    assert DiscardedRequests.objects.get().count == 1


def test_stopping_writes_what_waits(project: Project) -> None:
    async def inside() -> list[BaseException | None]:
        capture = Capture()
        capture.start()
        waiting = [asyncio.ensure_future(capture.store(captured(project))) for _ in range(50)]
        await asyncio.sleep(0)
        await capture.stop()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert asyncio.run(inside()) == [None] * 50
    assert Request.objects.count() == 50


def test_a_caller_that_gave_up_harms_nobody(project: Project) -> None:
    async def work(capture: Capture) -> None:
        impatient = asyncio.ensure_future(capture.store(captured(project)))
        await asyncio.sleep(0)
        impatient.cancel()
        await capture.store(captured(project))

    run(work)
    assert Request.objects.count() == 2
