"""The rule lists of the guides: they normalise to themselves and do what the guides say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connections.rules.compile import CompiledRules, compile_rules, evaluate_filter
from connections.rules.payload import RuleInput
from connections.rules.retry import plan_retry
from connections.rules.spec import normalise_rules

NOW = datetime(2026, 5, 29, 12, 0, tzinfo=UTC)

DEMO = [
    {"type": "deduplicate", "window": 5000, "include_fields": ["body.id"]},
    {"type": "transform", "transformation_id": "trs_demo_header_001"},
    {"type": "delay", "delay": 1000},
    {
        "type": "retry",
        "strategy": "linear",
        "count": 5,
        "interval": 3600000,
        "response_status_codes": ["500-599", ">=500", "!501"],
    },
]
STRIPE_TO_BILLING = [
    {"type": "filter", "body": {"type": "invoice.paid"}},
    {
        "type": "retry",
        "strategy": "exponential",
        "interval": 30000,
        "count": 5,
        "response_status_codes": ["429", "500-599", "!501"],
    },
]
ALL_TYPES = [
    {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
    {"type": "transform", "transformation_id": "trs_xxx"},
    {
        "type": "filter",
        "headers": {"stripe-signature": {"$exists": True}},
        "body": {"type": "invoice.paid"},
        "path": {"$starts_with": "/stripe"},
    },
    {"type": "delay", "delay": 5000},
    STRIPE_TO_BILLING[1],
]
FAN_IN = [
    {"type": "deduplicate", "window": 60000, "include_fields": ["body.id"]},
    {"type": "transform", "transformation_id": "trs_shopify_to_envelope"},
]
PATCHED = [
    {
        "type": "retry",
        "strategy": "linear",
        "interval": 60000,
        "count": 3,
        "response_status_codes": ["500-599", "429"],
    }
]


def invoice(**changes):
    parts = {
        "method": "POST",
        "path": "/stripe/webhook",
        "query": {},
        "headers": {"stripe-signature": "t=1,v1=ab"},
        "body": {"id": "evt_1", "type": "invoice.paid"},
    }
    return RuleInput(**{**parts, **changes})


@pytest.mark.parametrize("rules", [DEMO, STRIPE_TO_BILLING, ALL_TYPES, FAN_IN, PATCHED])
def test_the_guides_rules_are_returned_as_they_were_given(rules):
    assert normalise_rules(rules) == rules
    assert normalise_rules(list(reversed(rules))) == rules


@pytest.mark.parametrize(
    ("request_", "failed"),
    [
        (invoice(), ()),
        (invoice(headers={}), ("headers",)),
        (invoice(body={"type": "invoice.draft"}), ("body",)),
        (invoice(path="/github"), ("path",)),
        (invoice(headers={}, path="/", body="text"), ("headers", "body", "path")),
    ],
)
def test_the_guides_filter_lets_paid_stripe_invoices_pass(request_, failed):
    result = evaluate_filter(compile_rules(ALL_TYPES), request_)
    assert (result.matched, result.failed_targets) == (not failed, failed)


def test_every_rule_has_its_place():
    compiled = compile_rules(normalise_rules(ALL_TYPES))
    assert compiled.dedup.window_ms == 300_000
    assert compiled.dedup.key(invoice()) == compiled.dedup.key(invoice(path="/other"))
    assert compiled.dedup.key(invoice(body={"type": "ping"})) is None
    assert compiled.transformation_id == "trs_xxx"
    assert compiled.delay_ms == 5000
    assert compiled.retry.count == 5


def test_without_rules_everything_passes_once():
    compiled = compile_rules([])
    assert compiled == CompiledRules()
    assert (compiled.dedup, compiled.transformation_id, compiled.filter, compiled.delay_ms) == (None, None, None, 0)
    assert evaluate_filter(compiled, invoice()).matched is True
    assert plan_retry(compiled.retry, retry_number=1, status=500, retry_after=None, now=NOW) is None


@pytest.mark.parametrize(
    ("rules", "retried", "not_retried"),
    [
        (DEMO, [500, 502, 503, 599], [501, 429, 404]),
        (STRIPE_TO_BILLING, [429, 500, 503], [501, 404, 400]),
        (PATCHED, [429, 500, 501], [404]),
    ],
)
def test_the_guides_retry_codes(rules, retried, not_retried):
    policy = compile_rules(rules).retry
    assert [status for status in (*retried, *not_retried) if policy.retries_status(status)] == retried


def test_the_guides_exponential_retry_is_due_after_30_60_120_240_480_seconds():
    policy = compile_rules(STRIPE_TO_BILLING).retry
    due = [plan_retry(policy, retry_number=number, status=503, retry_after=None, now=NOW) for number in range(1, 7)]
    assert due == [*(NOW + timedelta(seconds=seconds) for seconds in (30, 60, 120, 240, 480)), None]
