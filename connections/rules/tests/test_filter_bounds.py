"""What a sender may send without exhausting the stack or the clock of the process that evaluates a filter."""

from __future__ import annotations

import time

import orjson
import pytest

from connections.rules.filter.rule import compile_filter
from connections.rules.payload import RuleInput


def evaluate(schema, body):
    request = RuleInput(method="POST", path="/", query={}, headers={}, body=body)
    return compile_filter({"body": schema}).evaluate(request).matched


def deepest(opening, closing, innermost):
    """The deepest nesting that the JSON parser itself accepts."""
    levels = 1024 - innermost.count(b"[") - innermost.count(b"{")
    return orjson.loads(opening * levels + innermost + closing * levels)


ARRAYS = deepest(b"[", b"]", b'{"a":[1]}')
OBJECTS = deepest(b'{"a":', b"}", b"1")


@pytest.mark.parametrize(
    ("schema", "body", "expected"),
    [
        (1, ARRAYS, False),
        ({"a": 1}, ARRAYS, True),
        ({"a": 2}, ARRAYS, False),
        ({"a": {"$gt": 0}}, ARRAYS, True),
        ([{"a": 1}], ARRAYS, True),
        ({"$eq": [[[1]]]}, ARRAYS, False),
        ({"$in": [1, 2]}, ARRAYS, False),
        ({"$contains": {"a": 1}}, ARRAYS, True),
        ({"$not": {"$regex": "x"}}, ARRAYS, True),
        ({"a": {"ref": "x"}}, ARRAYS, False),
        ({"a": {"a": {"a": {"$exists": True}}}}, OBJECTS, True),
        ({"a": {"$neq": 1}}, OBJECTS, True),
    ],
)
def test_no_nesting_the_parser_accepts_exhausts_the_stack(schema, body, expected):
    assert evaluate(schema, body) is expected


@pytest.mark.parametrize("parts", [(b"[", b"]", b'{"a":[1]}'), (b'{"a":', b"}", b"1")])
def test_a_reference_compares_two_deep_documents(parts):
    document, twin = deepest(*parts), deepest(*parts)
    assert evaluate({"x": {"$ref": "y"}}, {"x": document, "y": twin}) is True
    assert evaluate({"x": {"$neq": {"$ref": "y"}}}, {"x": document, "y": twin}) is False


def test_a_regex_that_explodes_elsewhere_is_linear_here():
    started = time.perf_counter()
    assert evaluate({"a": {"$regex": "^(a+)+$"}}, {"a": "a" * 50_000 + "!"}) is False
    assert time.perf_counter() - started < 1


def test_a_regex_stops_reading_when_its_budget_is_spent():
    assert evaluate({"a": {"$regex": "a{450}"}}, {"a": "a" * 400_000}) is True
    assert evaluate({"a": {"$regex": "a{450}"}}, {"a": "a" * 500_000}) is False
    texts = ["b" * 100_000] * 5 + ["a" * 450]
    assert evaluate({"a": {"$regex": "a{450}"}}, {"a": texts}) is False
    assert evaluate({"a": {"$regex": "a{450}"}}, {"a": texts[3:]}) is True


def test_a_usual_regex_may_read_megabytes():
    assert evaluate({"a": {"$regex": "needle$"}}, {"a": "x" * 4_000_000 + "needle"}) is True


@pytest.mark.parametrize("operator", ["$in", "$nin", "$contains", "$eq", "$neq"])
def test_references_between_large_arrays_stay_linear(operator):
    body = {"items": [{"id": number} for number in range(30_000)], "allowed": list(range(-30_000, 0))}
    started = time.perf_counter()
    evaluate({"items": {"id": {operator: {"$ref": "allowed"}}}}, body)
    assert time.perf_counter() - started < 2


def test_a_list_compared_with_a_list_by_reference_stays_linear():
    body = {"a": list(range(50_000)), "b": list(range(-50_000, 0))}
    started = time.perf_counter()
    assert evaluate({"a": {"$in": {"$ref": "b"}}}, body) is False
    assert evaluate({"a": {"$ref": "b"}}, body) is False
    assert time.perf_counter() - started < 2


def test_long_digit_strings_are_not_numbers():
    assert evaluate({"a": {"$gt": 5}}, {"a": "9" * 100_000}) is False
    assert evaluate({"a": {"$gt": 5}}, {"a": "9" * 400}) is True
