"""The product's log as a machine reads it: every line an object, one webhook in it from end to end, outages once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import requests

from tests.account import Account
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

Line = dict[str, Any]
RETRY = [{"type": "retry", "strategy": "linear", "interval": 1000, "count": 1}]


def lines_of(product: Product) -> list[tuple[str, Line]]:
    """(process, line) of everything written so far. Fails at a line that is no JSON object."""
    found = []
    for written in product.output_since({}).splitlines():
        name, _, text = written.partition("| ")
        line = json.loads(text)
        assert {"event", "level", "timestamp"} <= set(line), text
        found.append((name.strip(), line))
    return found


def told(product: Product) -> Counter[tuple[str, str]]:
    return Counter((name, line["event"]) for name, line in lines_of(product))


def test_one_webhook_can_be_followed_by_its_ids(observed: Product, receiver: Receiver) -> None:
    account = observed.new_account()
    receiver.script("/", Answer(500), Answer(200))
    source, destination, connection = account.route(receiver.url(), RETRY)
    request_id = account.accept(source)
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    lines = lines_of(observed)
    stored = [
        name for name, line in lines if request_id in line.get("request_ids", ()) and line["event"] == "requests.stored"
    ]
    routed = [(name, line) for name, line in lines if event["id"] in line.get("event_ids", ())]
    tried = [(name, line) for name, line in lines if line.get("event_id") == event["id"]]
    assert stored == ["web"]
    assert [(name, line["event"], request_id in line["request_ids"]) for name, line in routed] == [
        ("route", "requests.routed", True)
    ]
    assert [(name, line["event"], line["attempt_number"], line["status"]) for name, line in tried] == [
        ("deliver", "attempt.finished", 1, "FAILED"),
        ("deliver", "attempt.finished", 2, "SUCCESSFUL"),
    ]
    assert {line["attempt_id"] for _, line in tried} == {attempt["id"] for attempt in account.attempts(event)}
    for _, line in tried:
        ids = {"team_id": account.team_id, "connection_id": connection["id"], "destination_id": destination["id"]}
        assert ids.items() <= line.items()
        assert line["request_id"] == request_id


def test_trouble_is_told_in_objects_and_each_outage_once(observed: Product, receiver: Receiver) -> None:
    account: Account = observed.new_account()
    source, _, _ = account.route(receiver.url())
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    observed.stop_database()
    try:
        statuses = Counter(account.post_once(source).status_code for _ in range(30))
        health = requests.get(f"{observed.base_url}/readyz", timeout=10)
        refused = observed.metric('fasthook_requests_refused_total{reason="STORAGE_AWAY"}')
        wait_until(lambda: observed.metric("fasthook_database_up") == 0, 10, "the metrics say so and are still there")
        stopped = ("maintenance", "worker.database_away")
        wait_until(lambda: stopped in told(observed), 20, "maintenance has noticed")
    finally:
        observed.start_servers()
    observed.wait_until_ready()
    account.wait_for_event(account.accept(source), "SUCCESSFUL", timeout_s=30)
    assert statuses == {503: 30}
    assert (health.status_code, refused) == (503, 30)
    faulty = {name for name, state in health.json()["parts"].items() if state != "ok"}
    assert faulty == {"database", "migrations"}
    wait_until(lambda: ("maintenance", "worker.database_back") in told(observed), 20, "maintenance has recovered")
    found = told(observed)
    once = [(name, event) for name, event in found if event.endswith((".failed", ".restored", "_away", "_back"))]
    assert {("web", "capture.failed"), ("web", "capture.restored"), stopped} <= set(once)
    assert {what: found[what] for what in once} == dict.fromkeys(once, 1)
    assert not [line["event"] for _, line in lines_of(observed) if "raised unexpected" in line["event"]]


def test_processes_that_end_say_so_in_objects(observed: Product) -> None:
    for name in ("route", "beat", "web"):
        observed.terminate(name)
    events = {(name, line["event"]) for name, line in lines_of(observed)}
    assert {("route", "worker: Warm shutdown (MainProcess)"), ("web", "Handling signal: term")} <= events
    observed.restore()
