"""The guides' examples of transformations on the running product: what was made of a request is what arrives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from tests.account import Account, Json
from tests.receiver import Receiver
from tests.signing import is_from_fasthook
from tests.transforming import JSON_HEADERS, by_id, executions, inline, post, save

# The fan-in guide's, as it stands there.
ENVELOPE = """request.body = {
provider: "stripe",
event_id: request.body.id,
event_type: request.body.type,
object_id: request.body.data?.object?.id,
received_at: request.created_at,
data: request.body.data?.object ?? request.body
};
return request;"""
SHOPIFY_ENVELOPE = ENVELOPE.replace('"stripe"', '"shopify"').replace(
    "request.body.type", 'request.headers["x-shopify-topic"]'
)
PAID: Json = {"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1", "amount": 1200}}}
RETRY_OF_THE_GUIDE = {
    "type": "retry",
    "strategy": "exponential",
    "interval": 30000,
    "count": 5,
    "response_status_codes": ["429", "500-599", "!501"],
}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_fan_in_gives_the_shared_receiver_one_envelope(account: Account, receiver: Receiver) -> None:
    signed = {"auth_type": "FASTHOOK_SIGNATURE", "auth": {}}
    ingest = account.destination(receiver.url("/events"), "event-ingest-api", http_method="POST", **signed)
    stripe, shopify, internal = (account.source(name) for name in ("stripe-prod", "shopify-prod", "internal"))
    deduplicate = {"type": "deduplicate", "window": 60000, "include_fields": ["body.id"]}
    account.connection(stripe, ingest, [by_id(save(account, "stripe", ENVELOPE))], "stripe-to-ingest")
    to_shopify = by_id(save(account, "shopify", SHOPIFY_ENVELOPE))
    account.connection(shopify, ingest, [to_shopify, deduplicate], "shopify-to-ingest")
    account.connection(internal, ingest, name="internal-to-ingest")
    order = {"id": 7, "total": "9.99"}
    paid = post(account, stripe, PAID)
    created = post(account, shopify, order, headers={"x-shopify-topic": "orders/create"})
    repeat = post(account, shopify, order, headers={"x-shopify-topic": "orders/create"})
    post(account, internal, {"as": "it is"})
    account.wait_for_count(3, destination_id=ingest["id"], status="SUCCESSFUL")
    assert account.wait_for_ignored(repeat)["ignored_cause"] == "DEDUPLICATED"
    arrived = {call.headers["x-fasthook-source"]: call for call in receiver.at("/events")}
    assert json.loads(arrived["stripe-prod"].body) == {
        "provider": "stripe",
        "event_id": "evt_1",
        "event_type": "invoice.paid",
        "object_id": "in_1",
        "received_at": account.get(f"requests/{paid}")["created_at"],
        "data": {"id": "in_1", "amount": 1200},
    }
    assert json.loads(arrived["shopify-prod"].body) == {
        "provider": "shopify",
        "event_id": 7,
        "event_type": "orders/create",
        "received_at": account.get(f"requests/{created}")["created_at"],
        "data": order,
    }
    assert arrived["internal"].body == b'{"as": "it is"}'
    for call in arrived.values():
        assert (call.method, call.headers["content-type"]) == ("POST", "application/json")
        assert is_from_fasthook(account.signing_secret, call.headers, call.body)


def test_the_guides_filter_beside_the_envelope_sees_the_envelope(account: Account, receiver: Receiver) -> None:
    """As the guide warns: its filter on `type` is for the native shape, and the envelope has `event_type`."""
    transform = by_id(save(account, "trs_stripe_to_envelope", ENVELOPE))
    native = [{"type": "filter", "body": {"type": "invoice.paid"}}, transform]
    source, destination, connection = account.route(receiver.url("/events"), native)
    assert [rule["type"] for rule in connection["rules"]] == ["transform", "filter"]
    ignored = account.wait_for_ignored(post(account, source, PAID))
    assert (ignored["ignored_cause"], ignored["ignored_meta"]) == ("FILTERED", {"failed_targets": ["body"]})
    account.connection(
        source, destination, [{"type": "filter", "body": {"event_type": "invoice.paid"}}, transform], name="by-envelope"
    )
    account.delete(f"connections/{connection['id']}")
    event = account.wait_for_event(post(account, source, PAID), "SUCCESSFUL")
    assert event["transformed"] is True
    assert [json.loads(call.body)["event_type"] for call in receiver.at("/events")] == ["invoice.paid"]


def test_the_shape_that_the_connections_guide_shows(account: Account, receiver: Receiver) -> None:
    header = save(account, "header", 'request.headers["x-demo"] = "1";\nreturn request;')
    rules = [
        {"type": "deduplicate", "window": 5000, "include_fields": ["body.id"]},
        by_id(header),
        {"type": "delay", "delay": 1000},
        {
            "type": "retry",
            "strategy": "linear",
            "count": 5,
            "interval": 3600000,
            "response_status_codes": ["500-599", ">=500", "!501"],
        },
    ]
    source, _, connection = account.route(receiver.url("/orders"), rules)
    assert connection["rules"] == rules
    first = post(account, source, {"id": 1})
    assert account.wait_for_ignored(post(account, source, {"id": 1}))["ignored_cause"] == "DEDUPLICATED"
    event = account.wait_for_event(first, "SUCCESSFUL")
    waited = moment(event["last_attempt_at"]) - moment(account.get(f"requests/{first}")["created_at"])
    assert waited >= timedelta(seconds=1)
    [call] = receiver.at("/orders")
    # Only a header was changed, so the body goes out as it came.
    assert (call.headers["x-demo"], call.body) == ("1", b'{"id": 1}')
    assert [run["request_id"] for run in executions(account, header)] == [first]


def test_the_rules_that_the_connections_guide_lists(account: Account, receiver: Receiver) -> None:
    keep = save(account, "keep", "request.body.seen = true; return request;")
    rules = [
        RETRY_OF_THE_GUIDE,
        {"type": "delay", "delay": 5000},
        {
            "type": "filter",
            "headers": {"stripe-signature": {"$exists": True}},
            "body": {"type": "invoice.paid"},
            "path": {"$starts_with": "/stripe"},
        },
        by_id(keep),
        {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
    ]
    source, _, connection = account.route(receiver.url("/in"), rules)
    assert connection["rules"] == rules[::-1]
    headers = {"stripe-signature": "t=1,v1=0"}
    passes = post(account, source, PAID, path="stripe/live", headers=headers)
    elsewhere = post(account, source, {**PAID, "id": "evt_2"}, path="shop", headers=headers)
    assert account.wait_for_ignored(elsewhere)["ignored_meta"] == {"failed_targets": ["path"]}
    event = account.wait_for_event(passes, "SCHEDULED", "SUCCESSFUL")
    created_at = moment(account.get(f"requests/{passes}")["created_at"])
    if event["status"] == "SCHEDULED":
        assert moment(event["next_attempt_at"]) - created_at == timedelta(seconds=5)
    event = account.wait_for_event(passes, "SUCCESSFUL", timeout_s=30.0)
    assert moment(event["last_attempt_at"]) - created_at >= timedelta(seconds=5)
    [call] = receiver.at("/in/stripe/live")
    assert json.loads(call.body) == {**PAID, "seen": True}


def test_one_branch_gets_a_summary_and_another_the_raw_archive(account: Account, receiver: Receiver) -> None:
    source = account.source("stripe-production")
    summary = inline("return {...request, body: {id: request.body.id, total: request.body.data.object.amount}};")
    account.connection(source, account.destination(receiver.url("/analytics"), "analytics"), [summary], "to-analytics")
    account.connection(source, account.destination(receiver.url("/audit"), "audit"), name="stripe-to-audit")
    raw = b'{ "id": "evt_1",  "data": {"object": {"amount": 12345678901234567890}}, "id": "evt_2" }'
    request_id = account.accept(source, raw, headers=JSON_HEADERS)
    account.wait_for_count(2, status="SUCCESSFUL")
    assert receiver.at("/audit")[0].body == raw
    assert json.loads(receiver.at("/analytics")[0].body)["id"] == "evt_2"
    shown = {event["destination_id"]: event["transformed"] for event in account.events(status="SUCCESSFUL")}
    assert sorted(shown.values()) == [False, True]
    assert account.raw_body(request_id) == raw
