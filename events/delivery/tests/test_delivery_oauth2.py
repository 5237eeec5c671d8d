"""Deliveries that need an access token: one request for many, refusals retried by rule, nothing secret in evidence."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from destinations.outbound.tests.receivers import OK, Answer, Received, answers, receiver
from events.delivery.worker import Deliverer
from events.models import Attempt, DeliveryJob, Event
from events.tests.plane import accept_and_route, change
from events.tests.seed import Project

pytestmark = pytest.mark.usefixtures("transactional_db", "brisk_delivery")
DEADLINE_S = 10.0
RETRY = [{"type": "retry", "strategy": "linear", "interval": 60_000, "count": 3, "response_status_codes": ["501"]}]


def deliver(project: Project, token_answer: Answer, answer: Answer, *, batches: int, size: int = 1) -> list[Received]:
    """Drains once for each batch of events; what the token endpoint and the receiver saw."""

    def accept(token_port: int, port: int) -> None:
        from django.db import connection

        auth = {"token_url": f"http://127.0.0.1:{token_port}/token", "client_id": "id", "client_secret": "s3cret"}
        change(
            project.destination,
            url=f"http://127.0.0.1:{port}/hook",
            auth_type="OAUTH2_CLIENT_CREDENTIALS",
            auth={**auth, "auth_method": "basic"},
        )
        accept_and_route(project, size)
        connection.close()

    async def inside() -> list[Received]:
        deliverer = Deliverer()
        try:
            async with asyncio.timeout(DEADLINE_S), receiver(token_answer) as endpoint, receiver(answer) as received:
                for _ in range(batches):
                    await asyncio.to_thread(accept, endpoint.port, received.port)
                    await deliverer.drain(threading.Event())
                return [endpoint, received]
        finally:
            await deliverer.close()

    return asyncio.run(inside())


async def numbered_tokens(received: Received, writer: asyncio.StreamWriter) -> None:
    body = json.dumps({"access_token": f"tok_{len(received.heads)}", "token_type": "Bearer", "expires_in": 3600})
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
    await writer.drain()


def tokens_sent(received: Received) -> list[str]:
    lines = [line for head in received.heads for line in head.decode().split("\r\n")]
    return [line.removeprefix("authorization: Bearer ") for line in lines if line.startswith("authorization: ")]


def test_many_deliveries_share_one_token_and_evidence_hides_it(project: Project) -> None:
    endpoint, received = deliver(project, numbered_tokens, answers(OK), batches=2, size=50)
    assert len(endpoint.heads) == 1
    assert tokens_sent(received) == ["tok_1"] * 100
    assert Event.objects.filter(status="SUCCESSFUL").count() == 100
    for attempt in Attempt.objects.all():
        assert attempt.request_headers["authorization"] == "***"
    assert "tok_1" not in repr(list(Attempt.objects.values()))


def test_a_401_makes_the_next_attempt_ask_for_a_new_token(project: Project) -> None:
    async def refuses_the_first(received: Received, writer: asyncio.StreamWriter) -> None:
        refused = b"Bearer tok_1\r\n" in received.heads[-1]
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n" if refused else OK)
        await writer.drain()

    endpoint, received = deliver(project, numbered_tokens, refuses_the_first, batches=3)
    assert len(endpoint.heads) == 2
    assert tokens_sent(received) == ["tok_1", "tok_2", "tok_2"]
    assert list(Event.objects.order_by("id").values_list("status", "response_status")) == [
        ("FAILED", 401),
        ("SUCCESSFUL", 200),
        ("SUCCESSFUL", 200),
    ]


def test_without_a_token_nothing_is_sent_and_the_retry_rule_applies_as_to_the_network(project: Project) -> None:
    change(project.connection, rules=RETRY)
    body = b'{"error":"invalid_client","error_description":"s3cret is wrong"}'
    refusal = answers(b"HTTP/1.1 401 No\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    endpoint, received = deliver(project, refusal, answers(OK), batches=1, size=5)
    assert (len(endpoint.heads), received.connections) == (1, 0)
    for event in Event.objects.all():
        assert (event.status, event.error_code, event.response_status) == ("FAILED", "OAUTH2_FAILED", None)
        assert event.next_attempt_at is not None
    assert list(DeliveryJob.objects.values_list("retry_number", "trigger")) == [(1, "AUTOMATIC")] * 5
    for attempt in Attempt.objects.all():
        assert attempt.error_message == "the token endpoint answered 401: invalid_client: *** is wrong"
        assert (attempt.response_status, attempt.request_headers) == (None, {})
