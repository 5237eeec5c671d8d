"""The product's log as a machine reads it: every line an object, one webhook in it from end to end, outages once."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.account import Account
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

Line = dict[str, Any]
RETRY = [{"type": "retry", "strategy": "linear", "interval": 1000, "count": 1}]


@pytest.fixture(scope="module")
def logging_product() -> Iterator[Product]:
    product = Product()
    product.environment["LOG_FORMAT"] = "json"
    try:
        product.start()
        yield product
    finally:
        product.stop()


def lines_of(product: Product) -> list[tuple[str, Line]]:
    """(process, line) of everything written so far. Fails at a line that is no JSON object."""
    found = []
    for written in product.output_since({}).splitlines():
        name, _, text = written.partition("| ")
        line = json.loads(text)
        assert {"event", "level", "timestamp"} <= set(line), text
        found.append((name.strip(), line))
    return found


def stop_postgres(product: Product) -> None:
    file = product.data_dir / "services" / "postgres" / "postmaster.pid"
    os.kill(int(file.read_text().split()[0]), signal.SIGINT)
    wait_until(lambda: not file.exists(), 10, "Postgres has stopped")


def test_one_webhook_can_be_followed_by_its_ids(logging_product: Product, receiver: Receiver) -> None:
    account = logging_product.new_account()
    receiver.script("/", Answer(500), Answer(200))
    source, destination, connection = account.route(receiver.url(), RETRY)
    request_id = account.accept(source)
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    lines = lines_of(logging_product)
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


def test_trouble_is_told_in_objects_and_each_outage_once(logging_product: Product, receiver: Receiver) -> None:
    account: Account = logging_product.new_account()
    source, _, _ = account.route(receiver.url())
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    stop_postgres(logging_product)
    try:
        statuses = Counter(account.post_once(source).status_code for _ in range(30))
        health = requests.get(f"{logging_product.base_url}/readyz", timeout=10)
        metrics = requests.get(f"{logging_product.base_url}/metrics", timeout=10)
        wait_until(
            lambda: {"work.stopped", "catalog.stale"} <= {line["event"] for _, line in lines_of(logging_product)},
            10,
            "every part has noticed",
        )
    finally:
        logging_product._services.revive()
    logging_product.wait_until_ready()
    account.wait_for_event(account.accept(source), "SUCCESSFUL", timeout_s=30)
    assert statuses == {503: 30}
    assert (health.status_code, metrics.status_code) == (503, 200)
    faulty = {name for name, state in health.json()["parts"].items() if state != "ok"}
    assert faulty == {"database", "migrations"}
    assert "\nfasthook_database_up 0.0\n" in metrics.text
    assert 'fasthook_requests_refused_total{reason="STORAGE_AWAY"} 30.0' in metrics.text
    wait_until(
        lambda: {"work.resumed", "catalog.refreshed"} <= {line["event"] for _, line in lines_of(logging_product)},
        10,
        "every part has recovered",
    )
    told = Counter((name, line["event"]) for name, line in lines_of(logging_product))
    once = [("web", "capture.failed"), ("web", "capture.restored"), ("web", "catalog.stale")]
    once += [("web", "catalog.refreshed"), ("maintenance", "work.stopped"), ("maintenance", "work.resumed")]
    assert {what: told[what] for what in once} == dict.fromkeys(once, 1)
    assert not [line["event"] for _, line in lines_of(logging_product) if "raised unexpected" in line["event"]]


def test_processes_that_end_say_so_in_objects(logging_product: Product) -> None:
    for name in ("route", "beat", "web"):
        logging_product.terminate(name)
    events = {(name, line["event"]) for name, line in lines_of(logging_product)}
    assert {("route", "worker: Warm shutdown (MainProcess)"), ("web", "Handling signal: term")} <= events
    logging_product.restore()
