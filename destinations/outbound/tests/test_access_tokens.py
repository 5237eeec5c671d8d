"""Access tokens shared among deliveries: one request at a time, kept while they are good, replaced when refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from destinations.outbound.address import AddressPolicy
from destinations.outbound.auth import access_tokens
from destinations.outbound.auth.access_tokens import AccessTokens
from destinations.outbound.auth.oauth2 import ClientCredentials, TokenFault
from destinations.outbound.client import DeliveryClient
from destinations.outbound.result import SendResult
from destinations.outbound.tests.receivers import answers, hangs, receiver, resets

GRANT = ClientCredentials("https://login.example/token", "id", "secret")
OTHER = ClientCredentials("https://login.example/token", "id", "changed")
LOOPBACK = AddressPolicy(["127.0.0.0/8"])


class Endpoint:
    """Stands in for the client: answers `tok_1`, `tok_2`, ... once `gate` is open; `now` is the clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.status = 200
        self.expires_in = 3600
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, prepared, *, timeout_s):
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        body = json.dumps({"access_token": f"tok_{number}", "expires_in": self.expires_in}).encode()
        error = None if self.status == 200 else "BAD_RESPONSE"
        return SendResult(self.status, (), body, 1, error, None)


def with_endpoint(work):
    async def inside():
        endpoint = Endpoint()
        tokens = AccessTokens(endpoint, clock=lambda: endpoint.now)
        try:
            await work(endpoint, tokens)
        finally:
            await tokens.close()

    asyncio.run(inside())


def test_a_hundred_deliveries_at_once_ask_for_one_token():
    async def work(endpoint, tokens):
        endpoint.gate.clear()
        waiting = [asyncio.create_task(tokens.get(GRANT, timeout_s=5)) for _ in range(100)]
        await asyncio.sleep(0)
        endpoint.gate.set()
        assert set(await asyncio.gather(*waiting)) == {"tok_1"}
        assert await tokens.get(GRANT, timeout_s=5) == "tok_1"
        assert endpoint.asked == 1

    with_endpoint(work)


def test_a_token_is_kept_until_its_margin_and_then_replaced():
    async def work(endpoint, tokens):
        await tokens.get(GRANT, timeout_s=5)
        endpoint.now += 3539.9
        assert await tokens.get(GRANT, timeout_s=5) == "tok_1"
        endpoint.now += 0.1
        assert await tokens.get(GRANT, timeout_s=5) == "tok_2"

    with_endpoint(work)


def test_a_changed_secret_asks_anew():
    async def work(endpoint, tokens):
        assert await tokens.get(GRANT, timeout_s=5) == "tok_1"
        assert await tokens.get(OTHER, timeout_s=5) == "tok_2"
        assert await tokens.get(GRANT, timeout_s=5) == "tok_1"

    with_endpoint(work)


def test_a_failure_is_told_to_everybody_for_three_seconds():
    async def work(endpoint, tokens):
        endpoint.status = 500
        assert isinstance(await tokens.get(GRANT, timeout_s=5), TokenFault)
        endpoint.status = 200
        endpoint.now += 2.9
        assert isinstance(await tokens.get(GRANT, timeout_s=5), TokenFault)
        assert endpoint.asked == 1
        endpoint.now += 0.1
        assert await tokens.get(GRANT, timeout_s=5) == "tok_2"

    with_endpoint(work)


def test_a_refused_token_is_replaced_once():
    async def work(endpoint, tokens):
        assert await tokens.get(GRANT, timeout_s=5) == "tok_1"
        for _ in range(50):
            tokens.reject(GRANT, "tok_1")
        assert await tokens.get(GRANT, timeout_s=5) == "tok_2"
        # A late answer to a delivery with the old one.
        endpoint.now += 60
        tokens.reject(GRANT, "tok_1")
        assert await tokens.get(GRANT, timeout_s=5) == "tok_2"

    with_endpoint(work)


def test_a_receiver_that_refuses_every_token_does_not_use_up_tokens():
    async def work(endpoint, tokens):
        await tokens.get(GRANT, timeout_s=5)
        tokens.reject(GRANT, "tok_1")
        await tokens.get(GRANT, timeout_s=5)
        tokens.reject(GRANT, "tok_2")
        endpoint.now += 9.9
        tokens.reject(GRANT, "tok_2")
        assert await tokens.get(GRANT, timeout_s=5) == "tok_2"
        endpoint.now += 0.2
        tokens.reject(GRANT, "tok_2")
        assert await tokens.get(GRANT, timeout_s=5) == "tok_3"

    with_endpoint(work)


def test_who_is_in_a_hurry_leaves_and_the_others_get_the_token():
    async def work(endpoint, tokens):
        endpoint.gate.clear()
        patient = asyncio.create_task(tokens.get(GRANT, timeout_s=60))
        fault = await tokens.get(GRANT, timeout_s=0.01)
        assert fault == TokenFault("the token endpoint did not answer in time")
        endpoint.gate.set()
        assert await patient == "tok_1"
        assert endpoint.asked == 1

    with_endpoint(work)


def test_a_cancelled_delivery_does_not_cancel_the_request_of_the_others():
    async def work(endpoint, tokens):
        endpoint.gate.clear()
        first, second = (asyncio.create_task(tokens.get(GRANT, timeout_s=60)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        endpoint.gate.set()
        assert await second == "tok_1"

    with_endpoint(work)


def test_the_least_used_grants_are_forgotten(monkeypatch):
    monkeypatch.setattr(access_tokens, "MAX_GRANTS", 2)

    async def work(endpoint, tokens):
        grants = [ClientCredentials("https://l.example", "id", secret) for secret in "abc"]
        await tokens.get(grants[0], timeout_s=5)
        await tokens.get(grants[1], timeout_s=5)
        await tokens.get(grants[0], timeout_s=5)
        await tokens.get(grants[2], timeout_s=5)
        assert await tokens.get(grants[0], timeout_s=5) == "tok_1"
        assert await tokens.get(grants[1], timeout_s=5) == "tok_4"

    with_endpoint(work)


def test_closing_leaves_no_request_behind():
    async def inside():
        endpoint = Endpoint()
        endpoint.gate.clear()
        tokens = AccessTokens(endpoint)
        waiting = asyncio.create_task(tokens.get(GRANT, timeout_s=60))
        await asyncio.sleep(0)
        await tokens.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(inside())


def ask(answer, *, policy=LOOPBACK):
    """One token over the real client; what came of it, and what the endpoint saw."""

    async def inside():
        async with receiver(answer) as received, DeliveryClient(policy) as client:
            tokens = AccessTokens(client)
            grant = ClientCredentials(f"http://127.0.0.1:{received.port}/oauth/token?v=2", "id", "s3cret", scope="a")
            got = await tokens.get(grant, timeout_s=5)
            await tokens.close()
            return got, received

    return asyncio.run(inside())


def raw(status, body):
    return answers(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())


def test_the_request_on_the_wire():
    got, received = ask(raw("200 OK", '{"access_token":"abc","token_type":"bearer","expires_in":60}'))
    assert got == "abc"
    head = received.heads[0].decode().split("\r\n")
    assert head[0] == "POST /oauth/token?v=2 HTTP/1.1"
    assert sorted(head[1:-2]) == [
        "Content-Length: 37",
        f"Host: 127.0.0.1:{received.port}",
        "accept-encoding: identity",
        "accept: application/json",
        "authorization: Basic aWQ6czNjcmV0",
        "content-type: application/x-www-form-urlencoded",
        "user-agent: FastHook",
    ]
    assert received.bodies == [b"grant_type=client_credentials&scope=a"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            raw("401 No", '{"error":"invalid_client","error_description":"wrong s3cret"}'),
            "the token endpoint answered 401: invalid_client: wrong ***",
        ),
        (raw("302 Found", ""), "the token endpoint answered 302"),
        (resets, "no access token: the token endpoint closed the connection before its answer was complete"),
    ],
)
def test_a_token_endpoint_that_fails_is_named(answer, message):
    assert ask(answer)[0] == TokenFault(message)


def test_a_token_endpoint_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(access_tokens, "FETCH_TIMEOUT_S", 0.1)
    assert ask(hangs)[0] == TokenFault("no access token: the token endpoint did not answer in time")


def test_a_token_url_leads_to_no_address_that_deliveries_may_not_reach():
    got, received = ask(hangs, policy=AddressPolicy([]))
    assert got.message.startswith("no access token: 127.0.0.1 must not be dialled: ")
    assert received.connections == 0
