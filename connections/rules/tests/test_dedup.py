from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connections.rules.dedup import compile_dedup
from connections.rules.payload import RuleInput
from fasthook.lib.errors import InvalidInput

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "0", "1", "null", "true", "a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)


def request(body: Any = None, **parts: Any) -> RuleInput:
    return RuleInput(**{"method": "POST", "path": "/", "query": {}, "headers": {}, "body": body, **parts})


def dedup(**fields: Any):
    return compile_dedup({"type": "deduplicate", "window": 5000, **fields})


def test_a_key_is_a_sha256_digest_and_the_window_is_the_rules():
    rule = dedup(include_fields=["body.id"])
    assert rule.window_ms == 5000
    assert len(rule.key(request({"id": 1}))) == 32


@pytest.mark.parametrize(
    ("fields", "one", "other", "equal"),
    [
        (["body.id"], {"id": 1, "at": 1}, {"id": 1, "at": 2}, True),
        (["body.id"], {"id": 1}, {"id": 2}, False),
        (["body.id"], {"id": 1}, {"id": "1"}, False),
        (["body.id"], {"id": 1}, {"id": True}, False),
        (["body.id"], {"id": "null"}, {"id": None}, False),
        (["body.id"], {"id": {"a": 1, "b": 2}}, {"id": {"b": 2, "a": 1}}, True),
        (["body.id"], {"id": [1, 2]}, {"id": [2, 1]}, False),
        (["body.id", "body.type"], {"id": 1}, {"id": 1, "type": None}, False),
        (["body.id", "body.type"], {"id": 1}, {"type": 1}, False),
        (["body.id", "body.type"], {"id": "a", "type": "bc"}, {"id": "ab", "type": "c"}, False),
        (["body.id"], {"id": 10**400}, {"id": 10**400}, True),
        (["body.id"], {"id": 10**400}, {"id": 10**400 + 1}, False),
        (["body.id"], {"id": 2**64}, {"id": hex(2**64)}, False),
        (["body.id"], {"id": 10**6000}, {"id": 10**6000 + 1}, False),
        (["body.id"], {"id": "\ud800"}, {"id": "\ud801"}, False),
        (["body.id"], {"id": {"n": 2**70, "m": 1}}, {"id": {"m": 1, "n": 2**70}}, True),
        (["body.items[*].id"], {"items": [{"id": 1, "x": 1}]}, {"items": [{"id": 1, "x": 2}]}, True),
        (["body.items[*].id"], {"items": [{"id": 1}]}, {"items": [{"id": 1}, {"id": 2}]}, False),
        (["body.items[0].id"], {"items": [{"id": 1}]}, {"items": [{"id": 1}, {"id": 2}]}, True),
        (["body"], "text", "text", True),
        (["body"], None, "", False),
    ],
)
def test_included_fields_decide(fields, one, other, equal):
    rule = dedup(include_fields=fields)
    assert (rule.key(request(one)) == rule.key(request(other))) is equal


def test_nothing_included_present_is_never_a_duplicate():
    rule = dedup(include_fields=["body.id", "headers.x-id"])
    assert rule.key(request({"other": 1})) is None
    assert rule.key(request("text")) is None
    assert rule.key(request({"id": None})) is not None
    assert rule.key(request({}, headers={"x-id": "1"})) is not None


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("headers.X-Id", {"headers": {"x-id": "1"}}, {"headers": {"x-id": "2"}}),
        ("query.q", {"query": {"q": "1"}}, {"query": {"q": "2"}}),
        ("path", {"path": "/a"}, {"path": "/b"}),
        ("method", {"method": "POST"}, {"method": "PUT"}),
    ],
)
def test_every_part_of_a_request_can_be_included(path, one, other):
    rule = dedup(include_fields=[path])
    assert rule.key(request(1, **one)) == rule.key(request(2, **one))
    assert rule.key(request(1, **one)) != rule.key(request(1, **other))


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"id": 2}},
        {"path": "/b"},
        {"method": "PUT"},
        {"query": {"a": "1"}},
        {"headers": {"x-github-event": "push"}},
        {"headers": {"x-shopify-topic": "orders/create"}},
    ],
)
def test_without_lists_the_whole_payload_counts(change):
    same = {"body": {"id": 1}}
    assert dedup().key(request(**same)) == dedup().key(request(**same))
    assert dedup().key(request(**same)) != dedup().key(request(**{**same, **change}))


@pytest.mark.parametrize(
    "header",
    [
        "stripe-signature",
        "x-hub-signature-256",
        "x-shopify-hmac-sha256",
        "webhook-timestamp",
        "x-slack-request-timestamp",
        "x-slack-retry-num",
        "traceparent",
        "x-request-id",
        "x-forwarded-for",
        "date",
    ],
)
def test_headers_of_one_delivery_do_not_hide_a_repeat(header):
    first = request({"id": 1}, headers={header: "1", "x-topic": "a"})
    again = request({"id": 1}, headers={header: "2", "x-topic": "a"})
    assert dedup().key(first) == dedup().key(again)


def test_excluded_fields_do_not_count_and_all_others_do():
    rule = dedup(exclude_fields=["body.sent_at", "headers.x-try", "query.t", "body.items[*].n"])
    one = request({"id": 1, "sent_at": 1, "items": [{"n": 1}]}, headers={"x-try": "1"}, query={"t": "1"})
    other = request({"id": 1, "sent_at": 2, "items": [{"n": 2}]}, headers={"x-try": "2"}, query={"t": "2"})
    assert rule.key(one) == rule.key(other)
    assert rule.key(one) != rule.key(request({"id": 2, "items": [{}]}))


def test_a_whole_part_can_be_excluded():
    rule = dedup(exclude_fields=["headers", "path"])
    assert rule.key(request(1, headers={"a": "1"}, path="/a")) == rule.key(request(1, headers={"a": "2"}, path="/b"))
    assert rule.key(request(1)) != rule.key(request(2))


def test_changing_the_rule_changes_the_key():
    source = request({"id": 1, "type": "a"})
    rules = [
        dedup(include_fields=["body.id"]),
        dedup(include_fields=["body.id", "body.none"]),
        dedup(include_fields=["body.id"], window=6000),
        dedup(exclude_fields=["body.id"]),
        dedup(),
    ]
    assert len({rule.key(source) for rule in rules}) == len(rules)


def test_the_order_of_the_fields_is_not_part_of_the_rule():
    source = request({"id": 1, "type": 2})
    one, other = ["body.id", "body.type"], ["body.type", "body.id"]
    assert dedup(include_fields=one).key(source) == dedup(include_fields=other).key(source)


def test_the_deepest_document_the_parser_accepts_has_a_key():
    deep = orjson.loads(b"[" * 1024 + b"]" * 1024)
    assert dedup().key(request(deep)) == dedup().key(request(orjson.loads(b"[" * 1024 + b"]" * 1024)))
    assert dedup().key(request(deep)) != dedup().key(request(orjson.loads(b"[" * 1023 + b"]" * 1023)))
    assert dedup(exclude_fields=["body.a"]).key(request({"a": deep})) == dedup(exclude_fields=["body.a"]).key(
        request({})
    )


def test_a_bad_path_is_named():
    with pytest.raises(InvalidInput) as refusal:
        compile_dedup({"window": 1000, "include_fields": ["body.id", "bod.x"]}, at="rules[0]")
    assert list(refusal.value.fields) == ["rules[0].include_fields[1]"]


def typed(value: Any) -> Any:
    """A document in which Python's own equality keeps 1, true and "1" apart."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return (type(value).__name__, value)


@settings(deadline=None)
@given(one=JSON, other=JSON)
def test_keys_are_equal_exactly_when_the_values_are(one, other):
    rule = dedup(include_fields=["body.v"])
    equal = rule.key(request({"v": one})) == rule.key(request({"v": other}))
    assert equal is (typed(one) == typed(other))


@settings(deadline=None)
@given(one=JSON, other=JSON)
def test_so_it_is_for_what_the_fast_encoder_refuses(one, other):
    rule = dedup(include_fields=["body.v"])
    huge = 2**100
    equal = rule.key(request({"v": [huge, one]})) == rule.key(request({"v": [huge, other]}))
    assert equal is (typed(one) == typed(other))


@settings(deadline=None)
@given(value=JSON)
def test_the_key_survives_a_round_trip_through_json(value):
    rule = dedup()
    assert rule.key(request(value)) == rule.key(request(orjson.loads(orjson.dumps(value))))
