"""The compiled filter against a naive reading of the same language, on generated schemas and documents."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connections.rules.filter import compile_filter
from connections.rules.payload import RuleInput

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "a", "1", "-1", "ab", "2.0"]))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=10,
)
CONDITIONS = st.one_of(
    st.builds(lambda value: {"$eq": value}, DOCUMENTS),
    st.builds(lambda value: {"$neq": value}, DOCUMENTS),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda value: {"$gt": value}, st.integers(-2, 2)),
    st.builds(lambda value: {"$in": value}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda value: {"$nin": value}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda value: {"$starts_with": value}, st.sampled_from(["a", "ab", "1"])),
)
SCHEMAS = st.recursive(
    st.one_of(SCALARS, CONDITIONS),
    lambda inner: st.one_of(
        st.dictionaries(KEYS, inner, min_size=1, max_size=3),
        st.lists(inner, min_size=1, max_size=2),
        st.builds(lambda items: {"$or": items}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda items: {"$and": items}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda item: {"$not": item}, inner),
    ),
    max_leaves=8,
)

ABSENT = object()


def same(a: Any, b: Any) -> bool:
    if a is ABSENT or b is ABSENT:
        return False
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(b, list | dict):
        return False
    if isinstance(a, str) == isinstance(b, str):
        return a == b
    try:
        return float(a) == float(b)
    except ValueError:
        return False


def flat(items: list[Any]) -> list[Any]:
    if not items:
        return [ABSENT]
    return [leaf for item in items for leaf in (flat(item) if isinstance(item, list) else [item])]


def naive(schema: Any, value: Any) -> bool:
    if isinstance(schema, list):
        return isinstance(value, list) and all(any(naive(wanted, item) for item in value) for wanted in schema)
    if not isinstance(schema, dict):
        return any(same(item, schema) for item in flat(value)) if isinstance(value, list) else same(value, schema)
    name, operand = next(iter(schema.items()))
    if name.startswith("$"):
        return naive_operator(name, operand, value)
    if isinstance(value, list):
        return any(naive(schema, item) for item in flat(value))
    fields = value if isinstance(value, dict) else {}
    return all(naive(inner, fields.get(key, ABSENT)) for key, inner in schema.items())


def naive_operator(name: str, operand: Any, value: Any) -> bool:
    if name == "$or":
        return any(naive(item, value) for item in operand)
    if name == "$and":
        return all(naive(item, value) for item in operand)
    if name == "$not":
        return not naive(operand, value)
    if name == "$exists":
        return (value is not ABSENT) is operand
    if name in ("$neq", "$nin"):
        return value is not ABSENT and not naive_operator({"$neq": "$eq", "$nin": "$in"}[name], operand, value)
    if name == "$eq":
        return same(value, operand)
    if name == "$in":
        return any(
            same(item, wanted) for wanted in operand for item in (flat(value) if isinstance(value, list) else [value])
        )
    if isinstance(value, list):
        return any(naive_operator(name, operand, item) for item in flat(value))
    if name == "$starts_with":
        return isinstance(value, str) and value.startswith(operand)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    try:
        return float(value) > operand
    except ValueError:
        return False


@settings(max_examples=1500, deadline=None)
@given(schema=SCHEMAS, document=DOCUMENTS)
def test_it_agrees_with_the_naive_reading(schema, document):
    request = RuleInput(method="POST", path="/", query={}, headers={}, body=document)
    assert compile_filter({"body": {"$and": [schema]}}).evaluate(request).matched is naive(schema, document)
