"""Every rule example of the guides, but for the transformations: saved, normalised, shown, and doing what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connections.catalog import ConnectionCatalog
from connections.models import Connection
from connections.rules.compile import CompiledRules, evaluate_filter
from connections.rules.payload import RuleInput
from connections.rules.retry import plan_retry
from fasthook.testing import ApiCaller

NOW = datetime(2026, 5, 29, 12, 0, tzinfo=UTC)
Rules = list[dict[str, Any]]

PAID = {"type": "filter", "body": {"type": "invoice.paid"}}
CODES = ["429", "500-599", "!501"]
EXPONENTIAL = {"type": "retry", "strategy": "exponential", "interval": 30000}

SHAPE: Rules = [
    {"type": "deduplicate", "window": 5000, "include_fields": ["body.id"]},
    {"type": "delay", "delay": 1000},
    {
        "type": "retry",
        "strategy": "linear",
        "count": 5,
        "interval": 3600000,
        "response_status_codes": ["500-599", ">=500", "!501"],
    },
]
STRIPE_TO_BILLING: Rules = [PAID, {**EXPONENTIAL, "count": 5, "response_status_codes": CODES}]
SUPPORTED: Rules = [
    {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
    {
        "type": "filter",
        "headers": {"stripe-signature": {"$exists": True}},
        "body": {"type": "invoice.paid"},
        "path": {"$starts_with": "/stripe"},
    },
    {"type": "delay", "delay": 5000},
    {**EXPONENTIAL, "count": 5, "response_status_codes": CODES},
]
AUTOMATION: Rules = [
    {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
    PAID,
    {**EXPONENTIAL, "count": 5, "response_status_codes": CODES},
]
PATCHED: Rules = [
    {
        "type": "retry",
        "strategy": "linear",
        "interval": 60000,
        "count": 3,
        "response_status_codes": ["500-599", "429"],
    }
]
STRIPE_TO_INGEST: Rules = [PAID]
SHOPIFY_TO_INGEST: Rules = [{"type": "deduplicate", "window": 60000, "include_fields": ["body.id"]}]
STAGING: Rules = [
    {"type": "filter", "body": {"livemode": False}},
    {**EXPONENTIAL, "count": 3, "response_status_codes": CODES},
]
STAGING_SHAPE: Rules = [{"type": "filter", "body": {"livemode": False}}, {**EXPONENTIAL, "count": 3}]
PRODUCTION_SHAPE: Rules = [{"type": "filter", "body": {"livemode": True}}, {**EXPONENTIAL, "count": 5}]

EXAMPLES = {
    "connections: resource shape": SHAPE,
    "connections: create": STRIPE_TO_BILLING,
    "connections: supported rules": SUPPORTED,
    "automation: upsert": AUTOMATION,
    "automation: patch": PATCHED,
    "fan-in: stripe": STRIPE_TO_INGEST,
    "fan-in: shopify": SHOPIFY_TO_INGEST,
    "environments: staging": STAGING,
    "environments: staging shape": STAGING_SHAPE,
    "environments: production shape": PRODUCTION_SHAPE,
}


def save(client: ApiCaller, rules: Rules) -> dict[str, Any]:
    body = {
        "name": "route",
        "source": {"name": "source"},
        "destination": {"name": "destination", "config": {"url": "https://api.example.com/webhooks"}},
        "rules": rules,
    }
    response = client.put("connections", body)
    assert response.status_code in (200, 201), response.content
    shown: dict[str, Any] = response.json()
    return shown


def in_force(client: ApiCaller, rules: Rules) -> CompiledRules:
    """The rules as routing and delivery hold them once they are saved."""
    shown = save(client, rules)
    catalog = ConnectionCatalog()
    catalog.refresh(Connection.objects.get(pk=shown["id"]).version)
    entry = catalog.get(shown["id"])
    assert entry is not None
    assert entry.fault is None
    return entry.rules


def stripe(**changes: Any) -> RuleInput:
    parts: dict[str, Any] = {
        "method": "POST",
        "path": "/stripe/webhook",
        "query": {},
        "headers": {"stripe-signature": "t=1,v1=ab"},
        "body": {"id": "evt_1", "type": "invoice.paid", "livemode": True},
    }
    return RuleInput(**{**parts, **changes})


def failed(rules: CompiledRules, request: RuleInput) -> tuple[str, ...]:
    return evaluate_filter(rules, request).failed_targets


def retries(rules: CompiledRules, *, status: int | None = 503) -> list[int]:
    """After how many seconds each further attempt follows, when every one ends with this status."""
    waits = []
    for number in range(1, 60):
        due = plan_retry(rules.retry, retry_number=number, status=status, retry_after=None, now=NOW)
        if due is None:
            break
        waits.append(int((due - NOW) / timedelta(seconds=1)))
    return waits


@pytest.mark.parametrize("rules", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_shown_as_it_was_sent_whatever_the_order(client: ApiCaller, rules: Rules) -> None:
    shown = save(client, list(reversed(rules)))
    assert shown["rules"] == rules
    assert client.get(f"connections/{shown['id']}").json()["rules"] == rules
    assert save(client, shown["rules"])["rules"] == rules
    assert Connection.objects.get().rules == rules


def test_the_resource_shape(client: ApiCaller) -> None:
    rules = in_force(client, SHAPE)
    assert rules.dedup is not None
    assert rules.dedup.window_ms == 5000
    assert rules.delay_ms == 1000
    assert retries(rules) == [3600] * 5
    assert [bool(retries(rules, status=status)) for status in (500, 599, 501, 429, 404)] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("example", [STRIPE_TO_BILLING, AUTOMATION, STRIPE_TO_INGEST])
def test_paid_invoices_pass_and_nothing_else(client: ApiCaller, example: Rules) -> None:
    rules = in_force(client, example)
    assert failed(rules, stripe()) == ()
    for body in ({"type": "invoice.payment_failed"}, {"id": "evt_1"}, {}, "invoice.paid", None):
        assert failed(rules, stripe(body=body)) == ("body",)


def test_the_supported_rules_want_the_signature_the_type_and_the_path(client: ApiCaller) -> None:
    rules = in_force(client, SUPPORTED)
    assert failed(rules, stripe()) == ()
    assert failed(rules, stripe(headers={"stripe-signature": ""})) == ()
    assert failed(rules, stripe(headers={"content-type": "application/json"})) == ("headers",)
    assert failed(rules, stripe(body={"type": "invoice.voided"})) == ("body",)
    assert failed(rules, stripe(path="/github/stripe")) == ("path",)
    assert failed(rules, stripe(headers={}, body=None, path="")) == ("headers", "body", "path")
    assert rules.delay_ms == 5000


def test_a_repeated_id_is_a_repeat_whatever_else_changed(client: ApiCaller) -> None:
    for example, window_ms in ((SUPPORTED, 300_000), (AUTOMATION, 300_000), (SHOPIFY_TO_INGEST, 60_000)):
        dedup = in_force(client, example).dedup
        assert dedup is not None
        assert dedup.window_ms == window_ms
        assert dedup.key(stripe()) == dedup.key(stripe(body={"id": "evt_1"}, path="/x", headers={}))
        assert dedup.key(stripe()) != dedup.key(stripe(body={"id": "evt_2"}))
        assert dedup.key(stripe(body={"type": "ping"})) is None


@pytest.mark.parametrize("example", [STRIPE_TO_BILLING, SUPPORTED, AUTOMATION])
def test_429_and_5xx_but_501_are_tried_again_after_30_60_120_240_and_480_seconds(
    client: ApiCaller, example: Rules
) -> None:
    rules = in_force(client, example)
    for status in (429, 500, 502, 503, 599, None):
        assert retries(rules, status=status) == [30, 60, 120, 240, 480]
    for status in (301, 400, 404, 428, 430, 499, 501):
        assert retries(rules, status=status) == []


def test_the_patched_rule_tries_three_times_a_minute_apart(client: ApiCaller) -> None:
    rules = in_force(client, PATCHED)
    assert [retries(rules, status=status) for status in (500, 501, 429)] == [[60, 60, 60]] * 3
    assert retries(rules, status=404) == []


@pytest.mark.parametrize(
    ("example", "livemode", "waits"),
    [
        (STAGING, False, [30, 60, 120]),
        (STAGING_SHAPE, False, [30, 60, 120]),
        (PRODUCTION_SHAPE, True, [30, 60, 120, 240, 480]),
    ],
)
def test_environments_are_told_apart_by_livemode(
    client: ApiCaller, example: Rules, livemode: bool, waits: list[int]
) -> None:
    rules = in_force(client, example)
    assert failed(rules, stripe(body={"livemode": livemode})) == ()
    for other in (not livemode, str(livemode).lower(), int(livemode), None):
        assert failed(rules, stripe(body={"livemode": other})) == ("body",)
    assert failed(rules, stripe(body={})) == ("body",)
    assert retries(rules) == waits
    # Without codes every other status counts; with the guides' ones it does not.
    assert retries(rules, status=404) == ([] if example is STAGING else waits)
