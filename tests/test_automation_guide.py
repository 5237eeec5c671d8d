"""The main job as the API Automation guide sets it up: three PUT calls, then what Stripe sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver
from tests.samples import captured, own_payload
from tests.signing import is_from_fasthook, stripe_signature
from tests.waiting import wait_until

# The captured one is used where it lies beside the checkout.
INVOICES = {"own": own_payload("invoice.paid"), **{sample.name: sample.body for sample in captured("invoice.paid")}}


@dataclass(frozen=True, slots=True)
class Route:
    account: Account
    source: dict[str, Any]
    connection: dict[str, Any]

    def post(self, body: bytes, *, signature: str | None = None) -> Any:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature or stripe_signature("whsec_provider_secret", body),
        }
        return self.account.send(self.source, body, headers=headers)

    def accept(self, body: bytes) -> str:
        answer = self.post(body)
        assert answer.status_code == 200, answer.text
        request_id: str = answer.json()["request_id"]
        assert answer.json() == {"ok": True, "queued": True, "transport": "queue", "request_id": request_id}
        return request_id


@pytest.fixture
def route(account: Account, receiver: Receiver) -> Route:
    """The guide's bodies; only the receiver's address and the returned ids are ours."""
    source = account.put(
        "sources",
        {
            "name": "stripe-production",
            "type": "WEBHOOK",
            "status": "enabled",
            "config": {
                "auth_type": "HMAC",
                "auth": {"secret": "whsec_provider_secret", "signature_header": "stripe-signature"},
                "allowed_http_methods": ["POST"],
            },
        },
    )
    destination = account.put(
        "destinations",
        {
            "name": "billing-api-production",
            "type": "HTTP",
            "config": {
                "url": receiver.url("/webhooks/stripe"),
                "http_method": "POST",
                "rate_limit": 60,
                "rate_limit_period": "minute",
                "path_forwarding_disabled": False,
                "auth_type": "FASTHOOK_SIGNATURE",
                "auth": {},
            },
        },
    )
    connection = account.put(
        "connections",
        {
            "name": "stripe-production-to-billing-api-production",
            "source_id": source["id"],
            "destination_id": destination["id"],
            "paused_at": None,
            "disabled_at": None,
            "rules": [
                {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
                {"type": "filter", "body": {"type": "invoice.paid"}},
                {
                    "type": "retry",
                    "strategy": "exponential",
                    "interval": 30000,
                    "count": 5,
                    "response_status_codes": ["429", "500-599", "!501"],
                },
            ],
        },
    )
    return Route(account, source, connection)


@pytest.mark.parametrize("body", INVOICES.values(), ids=INVOICES)
def test_a_signed_invoice_arrives_with_the_same_bytes_and_our_signature(
    route: Route, receiver: Receiver, body: bytes
) -> None:
    request_id = route.accept(body)
    event = route.account.wait_for_event(request_id, "SUCCESSFUL")
    [call] = receiver.calls
    assert call.body == body
    assert (call.method, call.path, call.query) == ("POST", "/webhooks/stripe", "")
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    secret = route.account.signing_secret
    assert is_from_fasthook(secret, call.headers, call.body)
    assert not is_from_fasthook(secret, call.headers, call.body + b" ")
    Webhook(secret).verify(call.body, call.headers)
    assert call.headers["x-fasthook-event-id"] == call.headers["webhook-id"] == event["id"]
    assert call.headers["x-fasthook-request-id"] == request_id
    assert call.headers["x-fasthook-attempt-number"] == "1"
    assert call.headers["x-fasthook-attempt-trigger"] == "INITIAL"
    assert (call.headers["x-fasthook-source"], call.headers["x-fasthook-connection"]) == (
        "stripe-production",
        "stripe-production-to-billing-api-production",
    )


def test_the_gates_of_the_guide_show_what_happened(route: Route) -> None:
    body = own_payload("invoice.paid")
    request_id = route.accept(body)
    event = route.account.wait_for_event(request_id, "SUCCESSFUL")
    account, connection_id = route.account, route.connection["id"]
    listed = account.get("requests", **{"from": "now-15m", "source_id": route.source["id"], "include": "data"})
    assert [(row["id"], row["verified"], row["events_count"]) for row in listed["models"]] == [(request_id, True, 1)]
    assert listed["models"][0]["data"]["body"]["data"]["object"]["customer_name"] == "Zoë Ångström"
    assert account.raw_body(request_id) == body
    assert [row["id"] for row in account.events(connection_id=connection_id)] == [event["id"]]
    [attempt] = account.attempts(event)
    assert (attempt["status"], attempt["response_status"], attempt["trigger"]) == ("SUCCESSFUL", 200, "INITIAL")
    assert attempt["body"] == "received"
    latest = account.get(f"connections/{connection_id}/latest-input")["latest_input"]
    assert (latest["request_id"], latest["input"]["body"]["type"]) == (request_id, "invoice.paid")


def test_the_same_invoice_within_the_window_is_deduplicated(route: Route, receiver: Receiver) -> None:
    body = own_payload("invoice.paid")
    first = route.accept(body)
    second = route.accept(body)
    branch = route.account.wait_for_ignored(second)
    assert (branch["status"], branch["ignored_cause"]) == ("CANCELLED", "DEDUPLICATED")
    assert branch["ignored_meta"] == {"first_request_id": first}
    route.account.wait_for_event(first, "SUCCESSFUL")
    assert [call.headers["x-fasthook-request-id"] for call in receiver.calls] == [first]
    assert route.account.get(f"requests/{second}")["ignored_count"] == 1


def test_another_type_is_filtered_with_the_target_that_did_not_match(route: Route, receiver: Receiver) -> None:
    request_id = route.accept(own_payload("customer.created"))
    branch = route.account.wait_for_ignored(request_id)
    assert (branch["status"], branch["ignored_cause"]) == ("CANCELLED", "FILTERED")
    assert branch["ignored_meta"] == {"failed_targets": ["body"]}
    assert route.account.events() == []
    assert receiver.calls == []


def test_a_wrongly_signed_call_is_401_and_kept_as_rejected(route: Route, receiver: Receiver) -> None:
    body = own_payload("invoice.paid")
    answer = route.post(body, signature=stripe_signature("whsec_somebody_else", body))
    assert (answer.status_code, answer.json()["code"]) == (401, "SOURCE_AUTH_FAILED")
    [row] = route.account.get("requests")["models"]
    assert (row["status"], row["rejection_cause"], row["verified"]) == ("rejected", "SOURCE_AUTH_FAILED", False)
    assert (row["events_count"], row["ignored_count"]) == (0, 0)
    assert route.account.raw_body(row["id"]) == body
    # Whatever comes later overtakes nothing: the rejected one has had its turn.
    route.account.wait_for_event(route.accept(body), "SUCCESSFUL")
    assert len(receiver.calls) == 1


def test_the_credentials_of_the_first_run_work(product: Product) -> None:
    written = product.credentials()
    owner = Account(
        product.base_url, written["team_id"], api_key=written["api_key"], signing_secret=written["signing_secret"]
    )
    demo = {"id": "demo", "url": written["source_url"]}
    owner.wait_for_event(owner.accept(demo, b'{"hello":"world"}'), "SUCCESSFUL")
    secrets = owner.call("GET", "project-secrets", token=written["session_token"]).json()
    assert secrets["signing_secret"]["value"] == written["signing_secret"]
    login = owner.call("POST", "auth/login", json={"email": written["email"], "password": written["password"]})
    assert login.status_code == 200
    wait_until(lambda: owner.count_events(status="SUCCESSFUL") == 1, 5, "the demo's event is counted")
