"""Retrying and cancelling on the running product: one event, one request, an attempt in flight, a repaired rule."""

from __future__ import annotations

import json

from tests.account import Account
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

THROWS = "throw new Error('not yet');"


def test_a_failed_event_is_delivered_by_a_retry(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(500), Answer(200))
    source, _, connection = account.route(receiver.url())
    event = account.wait_for_event(account.accept(source, b'{"n":1}'), "FAILED")
    account.put(f"connections/{connection['id']}/pause")
    refused = account.call("POST", f"events/{event['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONNECTION_PAUSED")
    account.put(f"connections/{connection['id']}/unpause")
    answer = account.call("POST", f"events/{event['id']}/retry")
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")
    done = account.wait_for_event(event["request_id"], "SUCCESSFUL")
    assert (done["id"], done["attempts"]) == (event["id"], 2)
    assert [attempt["trigger"] for attempt in account.attempts(done)] == ["INITIAL", "MANUAL"]
    first, second = receiver.calls
    assert (first.event_id, first.body) == (second.event_id, second.body) == (event["id"], b'{"n":1}')
    assert second.headers["x-fasthook-attempt-trigger"] == "MANUAL"


def test_a_cancelled_events_attempt_in_flight_is_recorded_all_the_same(account: Account, receiver: Receiver) -> None:
    receiver.hold("/")
    source, _, _ = account.route(receiver.url())
    request_id = account.accept(source)
    wait_until(lambda: receiver.in_flight["/"] == 1, 10, "the delivery is in flight")
    event = account.wait_for_event(request_id, "QUEUED")
    assert account.put(f"events/{event['id']}/cancel")["status"] == "CANCELLED"
    refused = account.call("POST", f"events/{event['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "ATTEMPT_IN_FLIGHT")
    receiver.release("/")
    done = account.wait_for_last_attempt(request_id, 1)
    assert (done["status"], done["ignored_cause"], done["response_status"]) == (
        "CANCELLED",
        "CANCELLED_BY_OPERATOR",
        200,
    )
    assert [attempt["status"] for attempt in account.attempts(done)] == ["SUCCESSFUL"]
    account.post(f"events/{event['id']}/retry")
    assert account.wait_for_event(request_id, "SUCCESSFUL")["attempts"] == 2


def test_a_request_is_accepted_again_as_it_was_or_modified(account: Account, receiver: Receiver) -> None:
    source, _, _ = account.route(receiver.url())
    parent = account.accept(source, b'{"n":  1}', path="orders?dry=1", headers={"content-type": "application/json"})
    account.wait_for_event(parent, "SUCCESSFUL")
    again = account.post(f"requests/{parent}/retry")
    assert (again["ok"], again["queued"], again["retry_parent_request_id"]) == (True, True, parent)
    account.wait_for_event(again["id"], "SUCCESSFUL")
    changed = account.post(f"requests/{parent}/retry", {"method": "PUT", "path": "/v2", "query": "", "body": {"n": 2}})
    account.wait_for_event(changed["id"], "SUCCESSFUL")
    first, second, third = receiver.calls
    assert (second.method, second.path, second.query, second.body) == (
        first.method,
        first.path,
        first.query,
        b'{"n":  1}',
    )
    assert second.event_id != first.event_id
    assert (third.method, third.path, third.query, third.body) == ("PUT", "/v2", "", b'{"n":2}')
    assert (third.headers["content-type"], third.headers["content-length"]) == ("application/json", "7")


def test_a_repaired_transformation_is_run_by_a_retry(account: Account, receiver: Receiver) -> None:
    transformation = account.put("transformations", {"name": "repair", "code": THROWS})
    rule = {"type": "transform", "transformation_id": transformation["id"]}
    source, _, _ = account.route(receiver.url(), [rule])
    event = account.wait_for_event(account.accept(source, b'{"n":1}'), "FAILED")
    assert event["attempts"] == 0
    account.patch(f"transformations/{transformation['id']}", {"code": "request.body.n = 2; return request;"})
    account.post(f"events/{event['id']}/retry")
    done = account.wait_for_event(event["request_id"], "SUCCESSFUL")
    assert (done["id"], done["attempts"], done["failure_message"]) == (event["id"], 1, None)
    assert [json.loads(call.body) for call in receiver.calls] == [{"n": 2}]
    runs = account.get(f"transformations/{transformation['id']}/executions")["models"]
    assert sorted(run["status"] for run in runs) == ["FAILED", "SUCCESSFUL"]
