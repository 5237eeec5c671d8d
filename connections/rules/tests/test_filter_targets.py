"""Which parts of a request a filter looks at, and what it says about those that did not match."""

from __future__ import annotations

import pytest

from connections.rules.filter.rule import FilterResult, compile_filter
from connections.rules.payload import RuleInput

REQUEST = RuleInput(
    method="POST",
    path="/stripe/eu",
    query={"shop": "a", "tag": ["x", "y"], "filter.name": "n"},
    headers={"stripe-signature": "t=1,v1=ab", "x-count": "10", "x-shop": "a"},
    body={"type": "invoice.paid", "shop": "a", "headers": {"own": 1}},
)


def failed(schema):
    return compile_filter(schema).evaluate(REQUEST).failed_targets


def test_all_given_targets_must_match():
    schema = {"headers": {"x-shop": "a"}, "body": {"shop": "a"}, "query": {"shop": "a"}, "path": "/stripe/eu"}
    assert compile_filter(schema).evaluate(REQUEST) == FilterResult(True, ())


def test_it_says_which_targets_failed_in_a_fixed_order():
    schema = {"path": "/x", "query": {"shop": "b"}, "body": {"shop": "a"}, "headers": {"x-shop": "b"}}
    assert compile_filter(schema).evaluate(REQUEST) == FilterResult(False, ("headers", "query", "path"))


def test_a_target_given_as_null_is_not_looked_at():
    assert failed({"headers": None, "body": {"shop": "a"}}) == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"Stripe-Signature": {"$exists": True}},
        {"$or": [{"X-Other": "1"}, {"STRIPE-SIGNATURE": {"$starts_with": "t="}}]},
        {"$not": {"X-Shop": "b"}},
        {"$and": [{"X-Shop": {"exists": True}}, {"X-Count": 10}]},
        {"X-Count": {"$gt": 9}},
        {"X-Missing": {"$exists": False}},
    ],
)
def test_header_names_are_matched_in_lower_case(headers):
    assert failed({"headers": headers}) == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/stripe/eu", True),
        ("/stripe", False),
        ({"$starts_with": "/stripe"}, True),
        ({"starts_with": "/stripe"}, True),
        ({"$startsWith": ["/x", "/stripe"]}, True),
        ({"$starts_with": "/github"}, False),
        ({"$regex": "^/stripe/(eu|us)$"}, True),
        ({"$or": ["/a", {"$ends_with": "/eu"}]}, True),
        ({"$not": "/stripe/eu"}, False),
        ({"in": ["/stripe/eu"]}, True),
    ],
)
def test_the_path_is_matched_as_text(path, expected):
    assert (failed({"path": path}) == ()) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tag": "y"}, True),
        ({"tag": ["y", "x"]}, True),
        ({"tag": "z"}, False),
        ({"filter.name": "n"}, True),
        ({"page": {"$exists": False}}, True),
    ],
)
def test_a_repeated_query_key_is_a_list(query, expected):
    assert (failed({"query": query}) == ()) is expected


def test_a_reference_may_reach_another_part_of_the_request():
    assert failed({"headers": {"X-Shop": {"$ref": "body.shop"}}}) == ()
    assert failed({"body": {"shop": {"$ref": "headers.X-Shop"}}}) == ()
    assert failed({"body": {"shop": {"$ref": "query.tag[0]"}}}) == ("body",)


def test_a_reference_prefers_the_targets_own_field():
    assert failed({"body": {"shop": {"$ref": "headers.own"}}}) == ("body",)


def test_a_reference_in_headers_ignores_case():
    assert failed({"headers": {"x-shop": {"$neq": {"$ref": "X-Count"}}}}) == ()


@pytest.mark.parametrize(
    ("body", "schema", "expected"),
    [
        ("plain text", {"$contains": "text"}, True),
        ("plain text", {"type": "x"}, False),
        ("plain text", {"type": {"$exists": False}}, True),
        ("plain text", "plain text", True),
        (None, {"type": "x"}, False),
        (None, {"$eq": None}, True),
        ([{"id": 1}], {"id": 1}, True),
        (False, False, True),
    ],
)
def test_a_body_need_not_be_an_object(body, schema, expected):
    request = RuleInput(method="POST", path="/", query={}, headers={}, body=body)
    assert compile_filter({"body": schema}).evaluate(request).matched is expected
