"""What a filter may not be, and under which path the fault is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from connections.rules.filter.rule import compile_filter
from connections.rules.payload import RuleInput
from fasthook.lib.errors import InvalidInput


def nested(levels, innermost=1, key="a"):
    schema = innermost
    for _ in range(levels):
        schema = {key: schema}
    return schema


REFUSED = [
    ({}, "filter"),
    ({"body": None}, "filter"),
    ({"headers": None, "body": None}, "filter"),
    ([], "filter"),
    ({"bdy": {"a": 1}}, "filter.bdy"),
    ({"body": {}}, "filter.body"),
    ({"body": []}, "filter.body"),
    ({"body": {"a": {}}}, "filter.body.a"),
    ({"body": {"a": []}}, "filter.body.a"),
    ({"body": {"a": [1, {}]}}, "filter.body.a[1]"),
    ({"headers": "x"}, "filter.headers"),
    ({"headers": []}, "filter.headers"),
    ({"query": 1}, "filter.query"),
    ({"path": 1}, "filter.path"),
    ({"path": ["/a", "/b"]}, "filter.path"),
    ({"path": {"startswith": "/a"}}, "filter.path.startswith"),
    ({"path": {"a": "b"}}, "filter.path.a"),
    ({"body": {"a": {"$foo": 1}}}, "filter.body.a.$foo"),
    ({"body": {"$foo": 1}}, "filter.body.$foo"),
    ({"body": {"$or": [{"a": {"$foo": 1}}]}}, "filter.body.$or[0].a.$foo"),
    ({"body": {"a": {"$not": {"$foo": 1}}}}, "filter.body.a.$not.$foo"),
    ({"body": {"a": {"$gt": True}}}, "filter.body.a.$gt"),
    ({"body": {"a": {"$gt": None}}}, "filter.body.a.$gt"),
    ({"body": {"a": {"$gt": [1]}}}, "filter.body.a.$gt"),
    ({"body": {"a": {"gt": [1]}}}, "filter.body.a.gt"),
    ({"body": {"a": {"$in": []}}}, "filter.body.a.$in"),
    ({"body": {"a": {"$in": None}}}, "filter.body.a.$in"),
    ({"body": {"a": {"$nin": {"x": 1}}}}, "filter.body.a.$nin"),
    ({"body": {"a": {"$contains": []}}}, "filter.body.a.$contains"),
    ({"body": {"a": {"$contains": {}}}}, "filter.body.a.$contains[0]"),
    ({"body": {"a": {"$starts_with": 1}}}, "filter.body.a.$starts_with"),
    ({"body": {"a": {"$starts_with": []}}}, "filter.body.a.$starts_with"),
    ({"body": {"a": {"$ends_with": ["x", 1]}}}, "filter.body.a.$ends_with"),
    ({"body": {"a": {"$exists": "true"}}}, "filter.body.a.$exists"),
    ({"body": {"a": {"$exists": 1}}}, "filter.body.a.$exists"),
    ({"body": {"a": {"exists": "yes"}}}, "filter.body.a.exists"),
    ({"body": {"a": {"$exists": {"$ref": "b"}}}}, "filter.body.a.$exists"),
    ({"body": {"a": {"$or": []}}}, "filter.body.a.$or"),
    ({"body": {"a": {"$and": {"b": 1}}}}, "filter.body.a.$and"),
    ({"body": {"a": {"$not": {}}}}, "filter.body.a.$not"),
    ({"body": {"a": {"$ref": {"bad": "ref"}}}}, "filter.body.a.$ref"),
    ({"body": {"a": {"$ref": ""}}}, "filter.body.a.$ref"),
    ({"body": {"a": {"$ref": "b..c"}}}, "filter.body.a.$ref"),
    ({"body": {"a": {"$ref": "b[*].c"}}}, "filter.body.a.$ref"),
    ({"body": {"a": {"$gt": {"$ref": "b["}}}}, "filter.body.a.$gt.$ref"),
    ({"body": {"a": {"$regex": 1}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": ""}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": "("}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": "(?=x)"}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": "(a)\\1"}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": "a" * 513}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": "(a{100}){10}"}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$regex": "((a{100}){100}){100}"}}}, "filter.body.a.$regex"),
    ({"body": {"a": {"$gt": 1, "b": 2}}}, "filter.body.a.$gt"),
    ({"body": {"a": "x\x00"}}, "filter.body.a"),
    ({"body": {"a\x00": "x"}}, "filter.body"),
    ({"body": {"a": {"$eq": {"b": ["\x00"]}}}}, "filter.body.a.$eq.b[0]"),
    ({"body": {"a": {"$in": ["x", "\x00"]}}}, "filter.body.a.$in[1]"),
    ({"body": {"a": {"$regex": "\x00"}}}, "filter.body.a.$regex"),
    ({"body": {"a": "\ud800"}}, "filter.body.a"),
    ({"body": {"a": float("nan")}}, "filter.body.a"),
    ({"body": {"a": {"$gt": float("inf")}}}, "filter.body.a.$gt"),
    ({"body": {1: 2}}, "filter.body"),
    ({"body": {"a": object}}, "filter.body.a"),
    ({"body": {"a": {"$in": list(range(10_001))}}}, "filter.body.a.$in"),
]


@pytest.mark.parametrize(("schema", "path"), REFUSED, ids=[f"{str(schema)[:70]}" for schema, _ in REFUSED])
def test_it_refuses_and_names_the_place(schema, path):
    with pytest.raises(InvalidInput) as refusal:
        compile_filter(schema)
    assert list(refusal.value.fields) == [path]
    assert refusal.value.status == 422


def test_it_hints_at_a_misspelled_operator():
    with pytest.raises(InvalidInput, match=r"did you mean \$starts_with\?"):
        compile_filter({"body": {"a": {"$start_with": "x"}}})


def test_it_hints_at_a_misspelled_target():
    with pytest.raises(InvalidInput, match=r"did you mean headers\?"):
        compile_filter({"header": {"a": "x"}})


def test_it_names_the_faults_of_every_target_at_once():
    with pytest.raises(InvalidInput) as refusal:
        compile_filter({"headers": {"x": {"$foo": 1}}, "body": {"a": {"$gt": None}}, "path": 3, "bodyy": 1})
    assert sorted(refusal.value.fields) == [
        "filter.body.a.$gt",
        "filter.bodyy",
        "filter.headers.x.$foo",
        "filter.path",
    ]


def test_the_place_starts_where_the_caller_says():
    with pytest.raises(InvalidInput) as refusal:
        compile_filter({"body": {"a": {"$foo": 1}}}, at="rules[2]")
    assert list(refusal.value.fields) == ["rules[2].body.a.$foo"]


@pytest.mark.parametrize("key", ["a", "$not", "not", "a.b"])
def test_it_takes_sixteen_levels_and_refuses_a_thousand(key):
    compile_filter({"body": nested(16, key=key)})
    with pytest.raises(InvalidInput, match="nested more than 32 levels"):
        compile_filter({"body": nested(1000, key=key)})


def test_thirty_two_levels_are_the_limit():
    compile_filter({"body": nested(32)})
    with pytest.raises(InvalidInput, match="nested more than 32 levels"):
        compile_filter({"body": nested(33)})


def test_operands_count_as_levels_too():
    with pytest.raises(InvalidInput, match="nested more than 32 levels"):
        compile_filter({"body": {"a": {"$eq": nested(900)}}})


def test_names_without_dollar_do_not_make_compiling_exponential():
    request = RuleInput(method="POST", path="/", query={}, headers={}, body=2)
    with at_most_calls(100_000):
        assert compile_filter({"body": nested(31, key="not")}).evaluate(request).matched is True
        assert compile_filter({"body": nested(30, key="not")}).evaluate(request).matched is False
        with pytest.raises(InvalidInput):
            compile_filter({"body": nested(31, {"$foo": 1}, key="not")})


@contextmanager
def at_most_calls(limit: int) -> Iterator[None]:
    """Ends what would go on for hours, whatever the machine: Python calls are counted, not seconds."""
    left = limit

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal left
        left -= event == "call"
        if left < 0:
            raise AssertionError(f"more than {limit} calls")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


def test_it_refuses_more_conditions_than_a_filter_may_have():
    compile_filter({"body": {f"k{number}": number for number in range(1900)}})
    with pytest.raises(InvalidInput, match="too large"):
        compile_filter({"body": {f"k{number}": number for number in range(2100)}})
