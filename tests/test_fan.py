"""Fan-out and fan-in as the guides draw them: every branch has its own fate and its own evidence."""

from __future__ import annotations

import socket

from tests.account import Account
from tests.receiver import Receiver


def refused_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def test_a_dead_destination_does_not_touch_its_siblings(account: Account, receiver: Receiver) -> None:
    source = account.source("stripe")
    dead = account.destination(refused_url(), name="dead")
    routes = {
        name: account.connection(source, destination, name=f"to-{name}")
        for name, destination in (
            ("billing", account.destination(receiver.url("/billing"), name="billing")),
            ("audit", account.destination(receiver.url("/audit"), name="audit")),
            ("dead", dead),
        )
    }
    request_ids = [account.accept(source, b'{"n":%d}' % number) for number in range(5)]
    for name in ("billing", "audit"):
        account.wait_for_count(5, connection_id=routes[name]["id"], status="SUCCESSFUL")
        assert sorted(call.body for call in receiver.at(f"/{name}")) == [b'{"n":%d}' % number for number in range(5)]
    account.wait_for_count(5, destination_id=dead["id"], status="FAILED", error_code="CONNECTION_REFUSED")
    for request_id in request_ids:
        assert account.get(f"requests/{request_id}")["events_count"] == 3
        branches = account.get(f"requests/{request_id}/events")["models"]
        assert {branch["connection_id"]: branch["status"] for branch in branches} == {
            routes["billing"]["id"]: "SUCCESSFUL",
            routes["audit"]["id"]: "SUCCESSFUL",
            routes["dead"]["id"]: "FAILED",
        }
    [attempt] = account.attempts(account.events(connection_id=routes["dead"]["id"])[0])
    assert (attempt["status"], attempt["error_code"], attempt["response_status"]) == (
        "FAILED",
        "CONNECTION_REFUSED",
        None,
    )


def test_a_rule_of_one_branch_is_no_rule_of_another(account: Account, receiver: Receiver) -> None:
    source = account.source()
    paid = {"type": "filter", "body": {"type": "invoice.paid"}}
    account.connection(source, account.destination(receiver.url("/billing"), name="billing"), [paid], name="billing")
    account.connection(source, account.destination(receiver.url("/audit"), name="audit"), name="audit")
    request_id = account.accept(source, b'{"type":"customer.created"}')
    account.wait_for_event(request_id, "SUCCESSFUL")
    assert [branch["ignored_cause"] for branch in account.ignored(request_id)] == ["FILTERED"]
    assert (len(receiver.at("/audit")), len(receiver.at("/billing"))) == (1, 0)


def test_three_sources_share_one_destination_and_keep_their_own_evidence(account: Account, receiver: Receiver) -> None:
    ingest = account.destination(receiver.url("/ingest"), name="event-ingest-api")
    sources = {name: account.source(name) for name in ("stripe", "shopify", "internal")}
    rules = {"shopify": [{"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}]}
    routes = {
        name: account.connection(source, ingest, rules.get(name, []), name=f"{name}-to-ingest")
        for name, source in sources.items()
    }
    for source in sources.values():
        for _ in range(2):
            account.accept(source, b'{"id":"same"}')
    account.wait_for_count(5, destination_id=ingest["id"], status="SUCCESSFUL")
    senders = [call.headers["x-fasthook-source"] for call in receiver.at("/ingest")]
    assert sorted(senders) == ["internal", "internal", "shopify", "stripe", "stripe"]
    for name, source in sources.items():
        assert account.get("requests", source_id=source["id"])["total"] == 2
        delivered = 1 if name == "shopify" else 2
        # Looking at one connection shows its ignored branches too.
        assert account.count_events(connection_id=routes[name]["id"]) == 2
        assert account.count_events(connection_id=routes[name]["id"], status="SUCCESSFUL") == delivered
        assert account.count_events(source_id=source["id"]) == delivered
    assert account.count_events(ignored_cause="DEDUPLICATED", source_id=sources["shopify"]["id"]) == 1


def test_an_accepted_request_without_a_connection_has_no_events(account: Account) -> None:
    source = account.source()
    request_id = account.accept(source)
    request = account.get(f"requests/{request_id}")
    assert (request["status"], request["events_count"], request["ignored_count"]) == ("accepted", 0, 0)
