"""Delivery in one process against real receivers: what arrives, and what is written down of it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from destinations.outbound.tests.receivers import OK, Answer, Received, answers, receiver
from events.delivery import claims, sender, worker
from events.delivery import results as results_module
from events.delivery.jobs import AttemptResult
from events.delivery.worker import Deliverer
from events.models import Attempt, DeliveryJob, DestinationLease, Event, Request
from events.tests.plane import accept_and_route, add_connection, add_destination, change, set_job
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from teams.models import ProjectSecrets
from teams.secrets.services import rotate_project_secrets

pytestmark = pytest.mark.usefixtures("transactional_db", "brisk_delivery")
DEADLINE_S = 10.0
RETRY = [{"type": "retry", "strategy": "linear", "interval": 60_000, "count": 3}]


def run(work: Callable[[Deliverer], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        deliverer = Deliverer()
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await work(deliverer)
        finally:
            await deliverer.close()

    return asyncio.run(inside())


def deliver_to(answer: Answer, prepare: Callable[[int], None]) -> Received:
    """Drains once with a receiver that answers so; `prepare` gets its port and leaves jobs behind."""

    async def work(deliverer: Deliverer) -> Received:
        async with receiver(answer) as received:
            await asyncio.to_thread(in_thread, prepare, received.port)
            await deliverer.drain(threading.Event())
            return received

    received: Received = run(work)
    return received


async def reached(received: Received, count: int) -> None:
    while len(received.heads) < count:
        received.arrived.clear()
        await received.arrived.wait()


def in_thread(work: Callable[..., Any], *args: Any) -> Any:
    from django.db import connection

    try:
        return work(*args)
    finally:
        connection.close()


def pointed(project: Project, count: int = 1, **values: Any) -> Callable[[int], None]:
    def prepare(port: int) -> None:
        change(project.destination, url=f"http://127.0.0.1:{port}/hook")
        accept_and_route(project, count, **values)

    return prepare


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


def response(status: str, *headers: str, body: bytes = b"") -> Answer:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return answers("\r\n".join(lines).encode() + body)


def test_a_delivery_is_made_and_written_down(project: Project) -> None:
    received = deliver_to(response("200 OK", "x-a: 1", body=b"thanks"), pointed(project, path="/extra", query="q=%20"))
    event, attempt = Event.objects.get(), Attempt.objects.get()
    assert received.heads[0].startswith(b"POST /hook/extra?q=%20 HTTP/1.1\r\n")
    assert received.bodies == [b'{"id": 1}']
    sent = headers_of(received.heads[0])
    assert sent["x-fasthook-event-id"] == sent["idempotency-key"] == event.id
    assert (sent["x-fasthook-attempt-number"], sent["x-fasthook-attempt-trigger"]) == ("1", "INITIAL")
    assert (event.status, event.attempts, event.response_status, event.next_attempt_at) == ("SUCCESSFUL", 1, 200, None)
    assert event.successful_at is not None
    assert (attempt.event_id, attempt.status, attempt.trigger, attempt.body) == (
        event.id,
        "SUCCESSFUL",
        "INITIAL",
        "thanks",
    )
    assert (attempt.response_headers or {})["x-a"] == "1"
    assert attempt.delivered_at is not None
    assert not DeliveryJob.objects.exists()
    assert list(DestinationLease.objects.values_list("owner", flat=True)) == [None]


def test_a_failure_without_a_retry_rule_is_the_last(project: Project) -> None:
    deliver_to(response("500 Oh"), pointed(project))
    event = Event.objects.get()
    assert (event.status, event.error_code, event.response_status, event.next_attempt_at) == (
        "FAILED",
        "BAD_RESPONSE",
        500,
        None,
    )
    assert not DeliveryJob.objects.exists()


def test_a_failure_with_a_retry_rule_plans_the_next_attempt(project: Project) -> None:
    change(project.connection, rules=RETRY)
    deliver_to(response("500 Oh"), pointed(project))
    event, job, attempt = Event.objects.get(), DeliveryJob.objects.get(), Attempt.objects.get()
    assert (event.status, event.attempts, event.next_attempt_at) == ("FAILED", 1, job.due_at)
    assert (job.rank, job.attempt_number, job.retry_number, job.trigger, job.claim_count, job.lease_token) == (
        2,
        2,
        1,
        "AUTOMATIC",
        0,
        None,
    )
    waits = job.due_at - attempt.created_at
    assert timedelta(seconds=60) <= waits < timedelta(seconds=65)


def test_retries_come_to_an_end(project: Project) -> None:
    change(project.connection, rules=RETRY)

    def prepare(port: int) -> None:
        pointed(project)(port)
        set_job(Event.objects.get().id, retry_number=3, attempt_number=4, trigger="AUTOMATIC", rank=2)

    deliver_to(response("500 Oh"), prepare)
    event = Event.objects.get()
    assert (event.status, event.attempts, event.next_attempt_at) == ("FAILED", 4, None)
    assert not DeliveryJob.objects.exists()


@pytest.mark.parametrize(("status", "expected_s"), [("429 Slow", 300), ("503 Busy", 300), ("500 Oh", 60)])
def test_retry_after_postpones_where_it_means_something(project: Project, status: str, expected_s: int) -> None:
    change(project.connection, rules=RETRY)
    deliver_to(response(status, "retry-after: 300"), pointed(project))
    waits = DeliveryJob.objects.get().due_at - Attempt.objects.get().created_at
    assert timedelta(seconds=expected_s) <= waits < timedelta(seconds=expected_s + 5)


def test_a_code_that_the_rule_leaves_out_is_not_retried(project: Project) -> None:
    change(project.connection, rules=[{**RETRY[0], "response_status_codes": ["500-599", "!501"]}])
    deliver_to(response("501 No"), pointed(project))
    assert Event.objects.get().next_attempt_at is None
    assert not DeliveryJob.objects.exists()


def test_a_refused_connection_counts_whatever_the_codes(project: Project) -> None:
    change(project.connection, rules=[{**RETRY[0], "response_status_codes": ["501"]}])
    change(project.destination, url="http://127.0.0.1:1/hook")
    accept_and_route(project)
    run(lambda deliverer: deliverer.drain(threading.Event()))
    event, attempt = Event.objects.get(), Attempt.objects.get()
    assert (event.status, event.error_code, attempt.response_status, attempt.response_headers, attempt.body) == (
        "FAILED",
        "CONNECTION_REFUSED",
        None,
        None,
        None,
    )
    assert DeliveryJob.objects.get().retry_number == 1


def test_an_address_that_must_not_be_dialled_is_not(project: Project, settings: Any) -> None:
    settings.DELIVERY_ALLOWED_NETWORKS = []
    received = deliver_to(answers(OK), pointed(project))
    assert received.connections == 0
    assert Event.objects.get().error_code == "ADDRESS_NOT_ALLOWED"


def test_credentials_are_sent_and_masked_in_evidence(project: Project) -> None:
    change(project.destination, auth_type="BEARER_TOKEN", auth={"token": "hunter2"})
    echo = response("200 OK", "x-echo: Bearer hunter2", body=b"you sent hunter2")
    received = deliver_to(echo, pointed(project))
    assert headers_of(received.heads[0])["authorization"] == "Bearer hunter2"
    attempt = Attempt.objects.get()
    assert attempt.request_headers["authorization"] == "***"
    assert ((attempt.response_headers or {})["x-echo"], attempt.body) == ("***", "you sent ***")
    assert "hunter2" not in repr(Attempt.objects.values().get())


@pytest.mark.parametrize("authenticated", [True, False])
def test_the_sources_authorization_goes_on_only_when_it_was_not_its_credential(
    project: Project, authenticated: bool
) -> None:
    if authenticated:
        change(project.source, auth_type="BASIC_AUTH", auth={"username": "u", "password": "p"})
    received = deliver_to(answers(OK), pointed(project, headers=[("authorization", "Basic dTpw")]))
    assert ("authorization" in headers_of(received.heads[0])) is not authenticated


def test_both_secrets_sign_while_a_rotation_lasts(project: Project, settings: Any) -> None:
    settings.SIGNING_SECRET_GRACE_S = 60
    old = ProjectSecrets.objects.get(team=project.team).signing_secret
    new = rotate_project_secrets(project.team, ["signing_secret"], now=utc_now()).signing_secret
    change(project.destination, auth_type="FASTHOOK_SIGNATURE", auth={})
    received = deliver_to(answers(OK), pointed(project))
    sent = headers_of(received.heads[0])
    signed = f"{sent['x-fasthook-timestamp']}.".encode() + received.bodies[0]
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in (new, old)]
    assert sent["x-fasthook-signature"] == ",".join(f"v1={value}" for value in expected)


def test_nul_bytes_in_an_answer_are_kept_as_replacement_characters(project: Project) -> None:
    deliver_to(response("200 OK", "x-a: b", body=b"a\0b\xff"), pointed(project))
    assert Attempt.objects.get().body == "a\ufffdb\ufffd"
    assert Event.objects.get().status == "SUCCESSFUL"


def test_an_answer_that_postgres_refuses_is_recorded_without_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.delivery.attempt._storable", lambda text: text)

    def prepare(port: int) -> None:
        change(project.destination, url=f"http://127.0.0.1:{port}/hook")
        accept_and_route(project, 3)

    bodies = iter([b"fine", b"nul \0", b"fine"])

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        body = next(bodies)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    deliver_to(answer, prepare)
    assert set(Event.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}
    assert sorted(Attempt.objects.values_list("body", flat=True), key=str) == [None, "fine", "fine"]
    assert Attempt.objects.get(body=None).error_message == "the response could not be stored"
    assert not DeliveryJob.objects.exists()


def test_a_request_that_is_gone_fails_its_event(project: Project) -> None:
    def prepare(port: int) -> None:
        pointed(project)(port)
        Request.objects.all().delete()

    received = deliver_to(answers(OK), prepare)
    assert received.heads == []
    event, attempt = Event.objects.get(), Attempt.objects.get()
    assert (event.status, event.error_code) == ("FAILED", "INTERNAL_ERROR")
    assert attempt.error_message == "the request's payload is no longer stored"


def test_a_job_that_ended_its_worker_three_times_is_failed_not_sent(project: Project) -> None:
    def prepare(port: int) -> None:
        pointed(project)(port)
        set_job(Event.objects.get().id, claim_count=3)

    received = deliver_to(answers(OK), prepare)
    assert received.heads == []
    assert (Event.objects.get().status, Event.objects.get().error_code) == ("FAILED", "INTERNAL_ERROR")
    assert not DeliveryJob.objects.exists()


def test_a_fault_of_ours_while_preparing_fails_one_event_only(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = sender.prepare, []

    def prepare(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError
        return real(*args, **kwargs)

    monkeypatch.setattr(sender, "prepare", prepare)
    deliver_to(answers(OK), pointed(project, 3))
    assert sorted(Event.objects.values_list("status", "error_code"), key=str) == [
        ("FAILED", "INTERNAL_ERROR"),
        ("SUCCESSFUL", None),
        ("SUCCESSFUL", None),
    ]


def test_what_postgres_could_not_take_at_first_is_recorded_later(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = results_module.finish_attempts, iter([psycopg.OperationalError("away")] * 2)

    def finish(*args: Any) -> Any:
        for failure in failures:
            raise failure
        return real(*args)

    monkeypatch.setattr(results_module, "finish_attempts", finish)
    received = deliver_to(answers(OK), pointed(project, 5))
    assert len(received.heads) == 5
    assert set(Event.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}
    assert Attempt.objects.count() == 5


def test_a_worker_whose_leases_ran_out_while_postgres_was_away_sends_nothing_twice(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed, back, renewed = worker.renew_job_leases, threading.Semaphore(0), threading.Event(), threading.Event()
    answered = asyncio.Event()

    def renew(*args: Any, **values: Any) -> None:
        if not back.is_set():
            failed.release()
            raise psycopg.OperationalError("away")
        real(*args, **values)
        renewed.set()

    def lapse(event_id: str) -> None:
        set_job(event_id, due_at=utc_now() - timedelta(seconds=1))
        while failed.acquire(blocking=False):
            continue
        for _ in range(3):
            failed.acquire(timeout=DEADLINE_S)

    async def answer_late(received: Received, writer: asyncio.StreamWriter) -> None:
        await answered.wait()
        writer.write(OK)
        await writer.drain()

    async def work(deliverer: Deliverer) -> Received:
        async with receiver(answer_late) as received:
            await asyncio.to_thread(in_thread, pointed(project), received.port)
            draining = asyncio.create_task(deliverer.drain(threading.Event()))
            await reached(received, 1)
            (((event_id, _), held),) = deliverer._claimed._jobs.items()
            held.leased_until = 0.0
            await asyncio.to_thread(failed.acquire, timeout=DEADLINE_S)
            await asyncio.to_thread(in_thread, lapse, event_id)
            back.set()
            await asyncio.to_thread(renewed.wait, DEADLINE_S)
            answered.set()
            await draining
            return received

    monkeypatch.setattr(worker, "renew_job_leases", renew)
    monkeypatch.setattr(worker, "RENEW_S", 0.01)
    monkeypatch.setattr(worker, "AGAIN_S", 0.01)
    assert len(run(work).heads) == 1
    assert Event.objects.get().status == "SUCCESSFUL"
    assert Attempt.objects.count() == 1


def test_a_job_claimed_again_while_its_first_result_waits_for_postgres_is_not_failed_by_us(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(project.destination, rate_limit=2, rate_limit_period="second")
    finish, first_claims = results_module.finish_attempts, dict[str, UUID]()

    def away_until_claimed_again(connection: psycopg.Connection[Any], results: list[AttemptResult]) -> set[str]:
        # The outage outlasts the lease; the worker itself claims the job again, for a later slot of the rate.
        first = first_claims.setdefault(results[0].job.event_id, results[0].job.lease_token)
        connection.execute("UPDATE delivery_job SET due_at = now() WHERE lease_token = %s", [first])
        if connection.execute("SELECT lease_token FROM delivery_job").fetchone() == (first,):
            raise psycopg.OperationalError("away")
        return finish(connection, results)

    monkeypatch.setattr(results_module, "finish_attempts", away_until_claimed_again)
    monkeypatch.setattr("events.delivery.results.AGAIN_S", 0.02)
    received = deliver_to(answers(OK), pointed(project))
    assert (Event.objects.get().status, Event.objects.get().error_code) == ("SUCCESSFUL", None)
    assert list(Attempt.objects.values_list("status", flat=True)) == ["SUCCESSFUL"]
    assert len(received.heads) == 2


def test_a_recorder_that_meets_an_unknown_fault_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    real, poisoned = results_module.finish_attempts, []

    def finish(connection: Any, results: list[AttemptResult]) -> Any:
        if not poisoned:
            poisoned.append(results[0].job.event_id)
        if any(result.job.event_id == poisoned[0] for result in results):
            raise TypeError("not serialisable")
        return real(connection, results)

    monkeypatch.setattr(results_module, "finish_attempts", finish)
    deliver_to(answers(OK), pointed(project, 3))
    assert Event.objects.filter(status="SUCCESSFUL").count() == 2
    assert DeliveryJob.objects.get().event_id == poisoned[0]


def test_jobs_claimed_under_a_configuration_that_cannot_be_read_are_given_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    accept_and_route(project)

    def fail(*_: Any) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr("events.delivery.attempt.Catalogs.refresh", fail)
    assert run(lambda deliverer: deliverer.drain(threading.Event())) == 0
    job = DeliveryJob.objects.get()
    assert (job.rank, job.claim_count, job.lease_token) == (1, 0, None)


def test_a_hanging_receiver_does_not_hold_the_others(project: Project) -> None:
    released = asyncio.Event()

    async def hangs(received: Received, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.write(OK)
        await writer.drain()

    async def work(deliverer: Deliverer) -> None:
        async with receiver(hangs) as slow, receiver(answers(OK)) as fast:

            def prepare() -> None:
                change(project.destination, url=f"http://127.0.0.1:{slow.port}/", max_concurrency=2)
                accept_and_route(project, 4)
                change(project.connection, disabled_at=utc_now())
                other = add_destination(project, url=f"http://127.0.0.1:{fast.port}/")
                add_connection(project, destination=other)

            await asyncio.to_thread(in_thread, prepare)
            # Enabled again: its events wait, and new requests go to the fast one as well.
            await asyncio.to_thread(in_thread, change, project.connection)
            await asyncio.to_thread(in_thread, lambda: change(project.connection, disabled_at=None))
            drain = asyncio.create_task(deliverer.drain(threading.Event()))
            await slow.arrived.wait()
            await asyncio.to_thread(in_thread, accept_and_route, project, 3)
            await reached(fast, 3)
            assert len(slow.heads) == 2
            released.set()
            await drain
            assert len(slow.heads) == 7

    run(work)
    assert set(Event.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}


def test_live_traffic_finds_a_sender_while_bulk_work_hangs_at_the_same_receiver(project: Project) -> None:
    released = asyncio.Event()

    async def hangs_on_bulk_work(received: Received, writer: asyncio.StreamWriter) -> None:
        if b"BULK_RETRY" in received.heads[-1]:
            await released.wait()
        writer.write(OK)
        await writer.drain()

    async def work(deliverer: Deliverer) -> None:
        async with receiver(hangs_on_bulk_work) as received:

            def prepare() -> None:
                change(project.destination, url=f"http://127.0.0.1:{received.port}/", max_concurrency=3)
                accept_and_route(project, 6)
                DeliveryJob.objects.update(rank=3, trigger="BULK_RETRY")

            await asyncio.to_thread(in_thread, prepare)
            drain = asyncio.create_task(deliverer.drain(threading.Event()))
            await reached(received, 2)
            await asyncio.to_thread(in_thread, accept_and_route, project, 4)
            await reached(received, 6)
            assert [b"BULK_RETRY" in head for head in received.heads] == [True] * 2 + [False] * 4
            released.set()
            await drain
            assert len(received.heads) == 10

    run(work)
    assert set(Event.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}


def test_a_destination_never_sees_more_at_once_than_it_asked_for(project: Project) -> None:
    inside, most = 0, 0

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.002)
        inside -= 1
        writer.write(OK)
        await writer.drain()

    change(project.destination, max_concurrency=3)
    received = deliver_to(answer, pointed(project, 40))
    assert len(received.heads) == 40
    assert most == 3


def stop_while_hanging(project: Project, prepare: Callable[[int], None], *, arrivals: int) -> None:
    async def work(deliverer: Deliverer) -> None:
        async with receiver(hang) as received:
            await asyncio.to_thread(in_thread, prepare, received.port)
            stopping = threading.Event()
            drain = asyncio.create_task(deliverer.drain(stopping))
            await reached(received, arrivals)
            stopping.set()
            deliverer._wake.set()
            await drain

    run(work)


async def hang(received: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def test_stopping_gives_back_what_is_in_flight_and_what_has_not_begun(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "STOP_S", 0.05)
    change(project.destination, max_concurrency=2)
    stop_while_hanging(project, pointed(project, 5), arrivals=2)
    assert Attempt.objects.count() == 0
    assert list(DeliveryJob.objects.values_list("rank", "claim_count", "lease_token")) == [(1, 0, None)] * 5
    assert all(job.due_at <= utc_now() for job in DeliveryJob.objects.all())
    assert list(DestinationLease.objects.values_list("owner", flat=True)) == [None]


def test_stopping_gives_back_what_waits_for_its_slot(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "STOP_S", 0.05)
    change(project.destination, rate_limit=3, rate_limit_period="second")
    stop_while_hanging(project, pointed(project, 4), arrivals=1)
    assert list(DeliveryJob.objects.values_list("rank", "claim_count", "lease_token")) == [(1, 0, None)] * 4


def test_a_destination_that_is_due_behind_many_that_are_not_is_found_in_one_drain(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "DESTINATIONS_PER_CLAIM", 2)

    def prepare(port: int) -> None:
        later: datetime = utc_now() + timedelta(hours=1)
        for _ in range(7):
            add_connection(project, destination=add_destination(project))
        change(project.connection, disabled_at=utc_now())
        for event_id in accept_and_route(project):
            set_job(event_id, due_at=later)
        add_connection(project, destination=add_destination(project, url=f"http://127.0.0.1:{port}/"))
        due = accept_and_route(project)[-1]
        DeliveryJob.objects.exclude(event_id=due).update(due_at=later)

    received = deliver_to(answers(OK), prepare)
    assert len(received.heads) == 1


def test_a_claim_that_was_cut_short_is_followed_by_the_next_at_once(
    project: Project, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DELIVER_CLAIM = 2
    claims, claims_before_waiting = [], []
    claim, wait = Deliverer._claim, Deliverer._wait

    async def counted(self: Deliverer) -> int:
        claims.append(await claim(self))
        return claims[-1]

    async def noted(self: Deliverer, seconds: float) -> None:
        claims_before_waiting.append(len(claims))
        await wait(self, seconds)

    monkeypatch.setattr(Deliverer, "_claim", counted)
    monkeypatch.setattr(Deliverer, "_wait", noted)

    def prepare(port: int) -> None:
        change(project.connection, disabled_at=utc_now())
        for _ in range(6):
            add_connection(project, destination=add_destination(project, url=f"http://127.0.0.1:{port}/"))
        accept_and_route(project)

    deliver_to(answers(OK), prepare)
    assert claims[:4] == [2, 2, 2, 0]
    assert claims_before_waiting[0] == 4
