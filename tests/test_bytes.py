"""What a provider sends is what a destination gets and what evidence shows: byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import pytest

from tests.account import Account
from tests.receiver import Receiver
from tests.samples import captured_samples

BODIES: dict[str, tuple[str, bytes]] = {
    "binary": ("application/octet-stream", bytes(range(256)) * 8),
    "invalid UTF-8 called JSON": ("application/json", b'{"name":"\xff\xfe"}'),
    "empty": ("application/json", b""),
    "form": ("application/x-www-form-urlencoded", b"payload=%7B%22a%22%3A1%7D&empty=&q=a+b%26c&q=%E2%9C%93"),
    "broken JSON": ("application/json", b'{"a": 1,,}'),
    "JSON with spaces, repeated keys and a long number": (
        "application/json",
        b' { "a":1, "a":2.0e1,\n"n":12345678901234567890 } ',
    ),
    "NUL": ("application/json", b'{"a":"\\u0000"}\x00'),
    "gzip": ("application/json", bytes.fromhex("1f8b0800000000000203ab564a54b232ac0500afac1b5607000000")),
    "2 MB": ("application/octet-stream", hashlib.sha256(b"2 MB").digest() * 65_536),
}


@pytest.mark.parametrize(("content_type", "body"), BODIES.values(), ids=BODIES)
def test_a_body_of_any_kind_arrives_as_it_was_sent(
    account: Account, receiver: Receiver, content_type: str, body: bytes
) -> None:
    source, _, _ = account.route(receiver.url())
    headers = {"Content-Type": content_type, "X-Provider": "one, two", "Content-Encoding": "identity"}
    request_id = account.accept(source, body, headers=headers)
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    [call] = receiver.calls
    assert call.body == body
    assert (call.headers["content-type"], call.headers["x-provider"]) == (content_type, "one, two")
    assert call.headers["content-length"] == str(len(body))
    assert account.raw_body(request_id) == body
    assert account.get(f"events/{event['id']}")["data"]["body_size"] == len(body)


def test_path_and_query_are_forwarded_as_they_came(account: Account, receiver: Receiver) -> None:
    source, _, _ = account.route(receiver.url("/hooks?key=ours"))
    path = "a%2Fb/%C3%BC?x=1&key=theirs&y=%20z"
    request_id = account.accept(source, b"{}", path=path, method="PUT")
    account.wait_for_event(request_id, "SUCCESSFUL")
    [call] = receiver.calls
    assert (call.method, call.path) == ("PUT", "/hooks/a%2Fb/%C3%BC")
    assert sorted(call.query.split("&")) == ["key=ours", "x=1", "y=%20z"]


def test_captured_webhooks_pass_through_one_source_to_the_built_in_receiver(account: Account) -> None:
    """Whatever samples lie beside the checkout, and two of every awkward kind in any case."""
    source = account.source()
    mock = account.put("destinations", {"name": "mock", "type": "MOCK_API"})
    connection = account.connection(source, mock)
    sent = {
        account.accept(source, sample.body, headers={**sample.headers, "Content-Type": "application/json"}): sample.body
        for sample in captured_samples()
    }
    for text in ("日本語 ✓ 🧾", "Zoë Ångström"):
        body = json.dumps({"text": text, "salt": os.urandom(4).hex()}, ensure_ascii=False).encode()
        sent[account.accept(source, body)] = body
    account.wait_for_count(len(sent), connection_id=connection["id"], status="SUCCESSFUL")
    echoed = {event["request_id"]: echo_of(account, event) for event in account.events()}
    assert set(echoed) == set(sent)
    for request_id, body in sent.items():
        assert account.raw_body(request_id) == body
        # The echo is kept up to 16 KiB; it says how many bytes it was given in any case.
        if echoed[request_id] is not None:
            assert (echoed[request_id]["body_size"], echoed[request_id]["body"]) == (len(body), json.loads(body))


def echo_of(account: Account, event: dict[str, Any]) -> dict[str, Any] | None:
    """What the built-in receiver answered, None where the kept part of it was cut."""
    [attempt] = account.attempts(event)
    assert (attempt["status"], attempt["response_status"]) == ("SUCCESSFUL", 200)
    try:
        echo: dict[str, Any] = json.loads(attempt["body"])
    except ValueError:
        return None
    return echo


def test_captured_webhooks_arrive_byte_for_byte(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url())
    bodies = [sample.body for sample in captured_samples()] + ['{"text":"日本語 ✓ 🧾"}'.encode()]
    ids = dict(zip(account.accept_many(source, bodies), bodies, strict=True))
    account.wait_for_count(len(bodies), connection_id=connection["id"], status="SUCCESSFUL")
    assert {call.headers["x-fasthook-request-id"]: call.body for call in receiver.calls} == ids
