"""A destination's test request: what is sent, what is told of it, and what it leaves alone."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from standardwebhooks import Webhook

from destinations.models import Destination
from events.models import Attempt, DeliveryJob, Event, Request
from events.preview import send
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.models import AuditEntry, ProjectSecrets
from tests.receiver import Answer, Receiver


@pytest.fixture
def destination(team: Project, receiver: Receiver) -> Destination:
    row = team.destination
    row.url, row.auth_type, row.auth = receiver.url("/hooks"), "FASTHOOK_SIGNATURE", {}
    row.save(update_fields=["url", "auth_type", "auth"])
    return row


def change(row: Destination, **values: Any) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def test_it_is_signed_says_that_it_is_a_test_and_leaves_no_evidence(
    api: ApiCaller, destination: Destination, receiver: Receiver
) -> None:
    answer = api.post(f"/v1/destinations/{destination.id}/test", {})
    assert answer.status_code == 200
    told = answer.json()
    [call] = receiver.at("/hooks")
    assert (call.method, call.headers["x-fasthook-attempt-trigger"]) == ("POST", "TEST")
    assert (call.headers["x-fasthook-source"], call.headers["x-fasthook-connection"]) == ("test", "test")
    assert call.headers["content-type"] == "application/json"
    sent = json.loads(call.body)
    assert (sent["type"], sent["destination"]) == (
        "fasthook.test",
        {"id": destination.id, "name": "destination"},
    )
    secret: Any = ProjectSecrets.objects.get(team_id=destination.team_id).signing_secret
    Webhook(secret).verify(call.body, call.headers)
    assert (told["ok"], told["status"], told["response_status"], told["body"]) == (True, "SUCCESSFUL", 200, "received")
    assert (told["error_code"], told["error_message"], told["http_method"]) == (None, None, "POST")
    assert told["requested_url"] == receiver.url("/hooks")
    assert told["request_headers"]["webhook-id"] == call.headers["webhook-id"]
    assert told["response_headers"]["content-type"] == "text/plain; charset=utf-8"
    assert [model.objects.count() for model in (Request, Event, Attempt, DeliveryJob)] == [0, 0, 0, 0]
    [entry] = AuditEntry.objects.filter(action="destination.tested")
    assert (entry.resource_id, entry.actor_type) == (destination.id, "api_key")


@pytest.mark.parametrize(
    ("body", "arrives", "content_type"),
    [
        ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'.encode(), "application/json"),
        ("plain", b"plain", None),
        (None, b"", None),
        (0, b"0", "application/json"),
    ],
)
def test_body_and_headers_may_be_given(
    api: ApiCaller, destination: Destination, receiver: Receiver, body: Any, arrives: bytes, content_type: str | None
) -> None:
    given = {"body": body, "headers": {"X-Tenant": "a"}}
    assert api.post(f"/v1/destinations/{destination.id}/test", given).json()["ok"] is True
    [call] = receiver.calls
    assert (call.body, call.headers["x-tenant"], call.headers.get("content-type")) == (arrives, "a", content_type)


def test_credentials_are_sent_and_shown_masked(api: ApiCaller, destination: Destination, receiver: Receiver) -> None:
    change(destination, auth_type="BEARER_TOKEN", auth={"token": "sesame"}, http_method="PUT")
    receiver.script("/hooks", Answer(headers={"x-echo": "Bearer sesame"}, text="you sent sesame"))
    told = api.post(f"/v1/destinations/{destination.id}/test", {"headers": {"authorization": "mine"}}).json()
    [call] = receiver.calls
    assert (call.method, call.headers["authorization"]) == ("PUT", "Bearer sesame")
    assert (told["http_method"], told["request_headers"]["authorization"]) == ("PUT", "***")
    assert (told["response_headers"]["x-echo"], told["body"]) == ("***", "you sent ***")


def test_a_failure_of_the_receiver_is_told_with_200(
    api: ApiCaller, destination: Destination, receiver: Receiver
) -> None:
    receiver.script("/hooks", Answer(503, text="busy"))
    told = api.post(f"/v1/destinations/{destination.id}/test").json()
    assert (told["ok"], told["status"], told["response_status"], told["body"]) == (False, "FAILED", 503, "busy")
    assert (told["error_code"], told["error_message"]) == ("BAD_RESPONSE", "the destination answered 503")
    assert len(receiver.calls) == 1


def test_an_address_that_deliveries_may_not_dial_is_not_dialled(
    api: ApiCaller, destination: Destination, receiver: Receiver, settings: Any
) -> None:
    settings.DELIVERY_ALLOWED_NETWORKS = []
    told = api.post(f"/v1/destinations/{destination.id}/test").json()
    assert (told["ok"], told["error_code"]) == (False, "ADDRESS_NOT_ALLOWED")
    assert (told["response_status"], told["response_headers"], told["body"]) == (None, None, None)
    assert receiver.calls == []


def test_the_destinations_timeout_holds(api: ApiCaller, destination: Destination, receiver: Receiver) -> None:
    change(destination, timeout_s=0.2)
    receiver.hold("/hooks")
    told = api.post(f"/v1/destinations/{destination.id}/test").json()
    assert (told["error_code"], told["latency"] < 2000) == ("TIMEOUT", True)


def test_no_test_waits_longer_than_a_caller_would(
    api: ApiCaller, destination: Destination, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "MAX_TIMEOUT_S", 0.2)
    receiver.hold("/hooks")
    told = api.post(f"/v1/destinations/{destination.id}/test").json()
    assert (told["error_code"], told["latency"] < 2000) == ("TIMEOUT", True)


def test_a_token_that_is_not_granted_is_told(api: ApiCaller, destination: Destination, receiver: Receiver) -> None:
    receiver.script("/token", Answer(400, text='{"error": "invalid_client"}'))
    grant = {"token_url": receiver.url("/token"), "client_id": "a", "client_secret": "b"}
    config = {"auth_type": "OAUTH2_CLIENT_CREDENTIALS", "auth": grant}
    assert api.patch(f"/v1/destinations/{destination.id}", {"config": config}).status_code == 200
    told = api.post(f"/v1/destinations/{destination.id}/test").json()
    assert (told["ok"], told["error_code"], told["requested_url"], told["request_headers"]) == (
        False,
        "OAUTH2_FAILED",
        None,
        {},
    )
    assert receiver.at("/hooks") == []


def test_a_disabled_destination_is_not_tested(api: ApiCaller, destination: Destination, receiver: Receiver) -> None:
    change(destination, disabled_at=utc_now())
    answer = api.post(f"/v1/destinations/{destination.id}/test")
    assert (answer.status_code, answer.json()) == (
        409,
        {
            "error": "the destination is disabled; enable it first",
            "code": "DESTINATION_DISABLED",
            "data": {"id": destination.id},
        },
    )
    assert (receiver.calls, AuditEntry.objects.filter(action="destination.tested").count()) == ([], 0)


@pytest.mark.parametrize(
    ("headers", "field", "fault"),
    [
        ({"a b": "x"}, "headers.a b", "is not a header name"),
        ({"x-a": 1}, "headers.x-a", "must be a string"),
        ({"Webhook-Id": "x"}, "headers.Webhook-Id", "is written by FastHook itself; leave it out"),
        ({"X-FastHook-Event-Id": "x"}, "headers.X-FastHook-Event-Id", "is written by FastHook itself; leave it out"),
        ({"Content-Length": "5"}, "headers.Content-Length", "is written by FastHook itself; leave it out"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused(
    api: ApiCaller, destination: Destination, receiver: Receiver, headers: Any, field: str, fault: str
) -> None:
    answer = api.post(f"/v1/destinations/{destination.id}/test", {"headers": headers})
    assert (answer.status_code, answer.json()["fields"]) == (422, {field: [fault]})
    assert receiver.calls == []


def test_one_destination_is_tested_once_at_a_time_and_few_at_once() -> None:
    turns = send._Turns()
    names = [f"des_{number}" for number in range(send.AT_ONCE)]
    with turns.take("des_0"), pytest.raises(send.TooManyTests) as refused, turns.take("des_0"):
        pass
    assert refused.value.message == "a test of this destination, or of too many others, is under way; wait a little"
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "5"})
    inside, over = threading.Barrier(len(names) + 1), threading.Event()

    def hold(name: str) -> None:
        with turns.take(name):
            inside.wait(5)
            over.wait(5)

    threads = [threading.Thread(target=hold, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    inside.wait(5)
    with pytest.raises(send.TooManyTests), turns.take("des_more"):
        pass
    over.set()
    for thread in threads:
        thread.join()
    with turns.take("des_more"):
        pass


def test_a_busy_destination_is_429_and_leaves_no_entry(api: ApiCaller, destination: Destination) -> None:
    with send._turns.take(destination.id):
        answer = api.post(f"/v1/destinations/{destination.id}/test")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (
        429,
        "TOO_MANY_REQUESTS",
        "5",
    )
    assert AuditEntry.objects.filter(action="destination.tested").count() == 0
