"""Events with a payload of their own: what arrives, what is shown, what retries and releases send, and what fails."""

from __future__ import annotations

import json

import pytest

from tests.account import Account
from tests.receiver import Answer, Receiver
from tests.transforming import RETRY_EACH_SECOND, by_id, executions, inline, post, save

HANDLER = """addHandler("transform", (request, context) => {
  console.log("for", context.destination.name);
  request.headers["x-api-version"] = process.env.API_VERSION;
  request.headers["content-type"] = "text/plain; charset=utf-8";
  delete request.headers["x-secret"];
  request.path = "/v2" + request.path;
  request.parsed_query.tenant = ["a", "b c"];
  request.method = "PUT";
  request.body = `id=${request.body.id} via ${context.source.name} and ${context.connection.name}`;
  return request;
});"""


def test_a_handler_changes_every_part_of_the_request(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url("/base"), [inline(HANDLER, API_VERSION="2026-05")])
    [rule] = connection["rules"]
    assert set(rule) == {"type", "transformation_id"}
    transformation = account.get(f"transformations/{rule['transformation_id']}")
    assert (transformation["name"], transformation["code"]) == ("inline", HANDLER)
    assert "2026-05" not in json.dumps(transformation)
    request_id = post(account, source, {"id": 7}, path="orders?q=1", headers={"x-secret": "s", "x-kept": "k"})
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    [call] = receiver.calls
    assert (call.method, call.path, call.query) == ("PUT", "/base/v2/orders", "q=1&tenant=a&tenant=b+c")
    assert call.body == b"id=7 via source and route"
    assert (call.headers["content-type"], call.headers["x-api-version"], call.headers["x-kept"]) == (
        "text/plain; charset=utf-8",
        "2026-05",
        "k",
    )
    assert "x-secret" not in call.headers
    assert call.headers["content-length"] == str(len(call.body))
    # The evidence: the event's own data, the request's as it came, and the run between them.
    data = account.get(f"events/{event['id']}")["data"]
    assert (data["method"], data["path"], data["body"], data["body_encoding"]) == (
        "PUT",
        "/v2/orders",
        "id=7 via source and route",
        "text",
    )
    assert account.get(f"requests/{request_id}")["data"]["body"] == {"id": 7}
    [run] = executions(account, rule["transformation_id"])
    assert (run["event_id"], run["request_id"], run["connection_id"], run["status"], run["error"]) == (
        event["id"],
        request_id,
        connection["id"],
        "SUCCESSFUL",
        None,
    )
    detail = account.get(f"transformations/{rule['transformation_id']}/executions/{run['id']}")
    assert detail["logs"] == [{"level": "log", "message": "for destination"}]
    assert (detail["before"]["body"], detail["before"]["headers"]["x-secret"]) == ({"id": 7}, "s")
    assert (detail["after"]["body"], detail["after"]["path"]) == ("id=7 via source and route", "/v2/orders")


def test_a_retry_sends_what_was_made_the_first_time(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(503), Answer(503), Answer(200))
    identifier = save(account, "stamp", "request.body.stamp = Math.random(); return request;")
    source, _, _ = account.route(receiver.url(), [by_id(identifier), RETRY_EACH_SECOND])
    request_id = post(account, source, {"id": 1})
    account.wait_for_last_attempt(request_id, 1)
    account.patch(f"transformations/{identifier}", {"code": "throw new Error('too late');"})
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    assert [attempt["trigger"] for attempt in account.attempts(event)] == ["INITIAL", "AUTOMATIC", "AUTOMATIC"]
    assert len({call.body for call in receiver.calls}) == 1
    assert len(executions(account, identifier)) == 1


def test_what_is_held_is_released_with_its_own_payload(account: Account, receiver: Receiver) -> None:
    identifier = save(account, "mark", "request.body.made = 'before'; return request;")
    source, _, connection = account.route(receiver.url(), [by_id(identifier)])
    account.put(f"connections/{connection['id']}/pause")
    held = post(account, source, {"id": 1})
    event = account.wait_for_event(held, "HOLD")
    assert (event["transformed"], account.get(f"events/{event['id']}")["data"]["body"]) == (
        True,
        {"id": 1, "made": "before"},
    )
    account.patch(f"transformations/{identifier}", {"code": "request.body.made = 'after'; return request;"})
    account.put(f"connections/{connection['id']}/unpause")
    account.wait_for_event(held, "SUCCESSFUL")
    assert [json.loads(call.body) for call in receiver.calls] == [{"id": 1, "made": "before"}]
    account.wait_for_event(post(account, source, {"id": 2}), "SUCCESSFUL")
    assert json.loads(receiver.calls[-1].body) == {"id": 2, "made": "after"}


@pytest.mark.parametrize(
    ("code", "reasons"),
    [
        ("throw new Error('no id');", {"THREW": "Error: no id"}),
        # By which of them it ends is the machine's load to say.
        ("while (true) {}", {"CPU_LIMIT": "used more than 1 s of CPU time", "WALL_LIMIT": "took longer than 2 s"}),
    ],
)
def test_what_cannot_be_transformed_fails_without_an_attempt(
    account: Account, receiver: Receiver, code: str, reasons: dict[str, str]
) -> None:
    identifier = save(account, "broken", code)
    source, _, _ = account.route(receiver.url("/broken"), [by_id(identifier), RETRY_EACH_SECOND])
    account.connection(source, account.destination(receiver.url("/sibling"), "sibling"), name="sibling")
    request_id = post(account, source, {"id": 1})
    event = account.wait_for_event(request_id, "FAILED")
    [run] = executions(account, identifier, status="FAILED")
    assert run["error"]["message"] == reasons[run["error"]["kind"]]
    assert event["failure_message"] == f"TRANSFORMATION_FAILED: {run['error']['message']}"
    assert (event["attempts"], event["next_attempt_at"], event["transformed"]) == (0, None, False)
    assert (account.attempts(event), run["event_id"]) == ([], event["id"])
    account.wait_for_count(1, status="SUCCESSFUL")
    assert (len(receiver.at("/broken")), len(receiver.at("/sibling"))) == (0, 1)


def test_the_latest_input_can_be_tried_and_is_then_delivered_so(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url("/in"))
    account.wait_for_event(post(account, source, {"id": 1}, path="stripe?a=1"), "SUCCESSFUL")
    latest = account.get(f"connections/{connection['id']}/latest-input")["latest_input"]
    run = account.put("transformations/run", {"code": HANDLER, "request": latest["input"], "env": {"API_VERSION": "1"}})
    rules = [inline(HANDLER, API_VERSION="1")]
    tried = account.post(f"connections/{connection['id']}/test", {"rules": rules})
    assert (tried["request_id"], tried["outcome"]) == (latest["request_id"], "QUEUED")
    assert tried["request"]["path"] == run["result"]["path"] == "/v2/stripe"
    account.connection(source, connection["destination"], rules)
    account.wait_for_event(post(account, source, {"id": 1}, path="stripe?a=1"), "SUCCESSFUL")
    [call] = receiver.at("/in/v2/stripe")
    delivery = tried["delivery"]
    assert (call.method, f"{receiver.url(call.path)}?{call.query}", call.body.decode()) == (
        delivery["method"],
        delivery["url"],
        delivery["body"],
    )
    of_one_delivery = {"x-fasthook-event-id", "x-fasthook-request-id", "idempotency-key", "host", "content-length"}
    assert {name: value for name, value in call.headers.items() if name not in of_one_delivery} == {
        name: value for name, value in delivery["headers"].items() if name not in of_one_delivery
    }
