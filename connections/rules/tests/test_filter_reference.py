"""The compiled filter against a naive reading of the same language, on the table and on generated requests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connections.rules.filter.rule import compile_filter
from connections.rules.payload import RuleInput
from connections.rules.tests import naive_filter
from connections.rules.tests.test_filter_table import CASES

# Few keys and few values, so that schemas and documents meet; some keys are names of operators.
KEYS = st.sampled_from(["a", "b", "c", "a.b", "in", "ref", "not"])
TEXTS = st.sampled_from(["", "a", "A", "ab", "b", "1", "-1", " 1", "2.0", "1e0", "0x1", "nan", "1_0", "\u0661", "\xe9"])
NUMBERS = st.one_of(st.integers(-2, 2), st.sampled_from([0.5, 1.0, -0.0]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=10,
)
DOCUMENTS = st.one_of(st.dictionaries(KEYS, VALUES, max_size=4), VALUES)
STEPS = st.sampled_from(
    ["a", "b", "c", "a.b", "b.c", "a[0]", "b[1].a", "a[$index]", "a[$index].b", "b[$index].a[$index]"]
)
PATHS = st.one_of(STEPS, STEPS.map(lambda path: f"body.{path}"), st.sampled_from(["query.a", "headers.A"]))
SOUGHT = st.one_of(SCALARS, st.lists(SCALARS, min_size=1, max_size=3))
MEMBERS = st.one_of(SCALARS.filter(lambda item: item is not None), st.lists(VALUES, min_size=1, max_size=3))
AFFIXES = st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=2))
PATTERNS = st.sampled_from(["^a", "b$", "[0-9]", "a|1", "."])


def one(names: str, operands: st.SearchStrategy[Any], *, refers: bool = True) -> st.SearchStrategy[Any]:
    """One operator in one of its spellings, also with an operand out of the request."""
    if refers:
        operands = st.one_of(operands, operands, PATHS.map(lambda path: {"$ref": path}))
    return st.tuples(st.sampled_from([f"${name}" for name in names.split()]), operands)


SIMPLE = st.one_of(
    one("eq neq", VALUES),
    one("gt gte lt lte", st.one_of(NUMBERS, TEXTS)),
    one("in nin", MEMBERS),
    one("contains", SOUGHT),
    one("starts_with startsWith ends_with endsWith", AFFIXES),
    one("exists exist", st.booleans(), refers=False),
    one("regex", PATTERNS, refers=False),
    one("ref", PATHS, refers=False),
)


def without_dollar(condition: tuple[str, Any]) -> dict[str, Any]:
    return {condition[0].removeprefix("$"): condition[1]}


# Operators without dollar: only such whose operand is a legal schema too, so that either reading is open.
BARE = SIMPLE.filter(lambda condition: condition[1] not in ({}, []) and not isinstance(condition[1], dict))


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    conditions = st.one_of(
        st.tuples(st.sampled_from(["$or", "$and"]), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("$not"), inner),
        st.tuples(st.just("$exists"), st.booleans()),
    )
    fields = st.dictionaries(st.sampled_from(["a", "b", "c", "a.b"]), inner, min_size=1, max_size=3)
    return st.one_of(
        fields,
        fields,
        st.tuples(fields, conditions).map(lambda parts: {**parts[0], parts[1][0]: parts[1][1]}),
        st.tuples(st.sampled_from(["in", "ref", "not"]), inner).map(lambda pair: {pair[0]: pair[1], "a": pair[1]}),
        st.lists(inner, min_size=1, max_size=2),
        conditions.map(lambda pair: dict([pair])),
        st.tuples(conditions, SIMPLE).map(dict),
    )


def is_deeply_bare(value: Any) -> bool:
    return isinstance(value, list) and any(item in ({}, []) or is_deeply_bare(item) for item in value)


SCHEMAS = st.recursive(
    st.one_of(
        SCALARS,
        SIMPLE.map(lambda condition: dict([condition])),
        st.tuples(SIMPLE, SIMPLE).map(dict),
        SIMPLE.map(lambda condition: dict([condition])),
        BARE.filter(lambda condition: not is_deeply_bare(condition[1])).map(without_dollar),
    ),
    composed,
    max_leaves=6,
)


@st.composite
def schemas_of_one(draw: st.DrawFn) -> Any:
    """SCHEMAS by a short name: its own repr, which hypothesis writes for every example, is very long."""
    return draw(SCHEMAS)


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcomes(schemas: dict[str, Any], **parts: Any) -> list[tuple[bool, list[str]]]:
    """What the product and what the naive reading make of it."""
    request = {"method": "POST", "path": "/", "query": {}, "headers": {}, "body": None, **parts}
    result = compile_filter(schemas).evaluate(RuleInput(**request))
    return [(result.matched, list(result.failed_targets)), naive_filter.matches(schemas, request)]


@pytest.mark.parametrize(("schema", "value", "expected"), CASES)
def test_the_naive_reading_follows_the_table_too(schema, value, expected):
    request = {"path": "/", "query": {}, "headers": {}, "body": value}
    assert naive_filter.matches({"body": {"$and": [schema]}}, request)[0] is expected
    assert naive_filter.matches({"body": {"$not": schema}}, request)[0] is not expected


@settings(UNHURRIED, max_examples=3000)
@given(schema=schemas_of_one(), document=DOCUMENTS)
def test_a_body_filter_agrees_with_the_naive_reading(schema, document):
    compiled, naive = outcomes({"body": {"$and": [schema]}}, body=document)
    assert compiled == naive


HEADER_NAMES = st.sampled_from(["A", "a", "X-B", "x-b", "x.c"])
HEADER_FIELDS = st.dictionaries(HEADER_NAMES, schemas_of_one(), min_size=1, max_size=2).filter(
    lambda schema: len({name.lower() for name in schema}) == len(schema)
)
PATH_CONDITIONS = st.one_of(
    one("starts_with ends_with", AFFIXES), one("eq in contains", TEXTS), one("regex", PATTERNS, refers=False)
)


@settings(UNHURRIED, max_examples=1000)
@given(
    schemas=st.fixed_dictionaries(
        {},
        optional={
            "headers": st.one_of(
                HEADER_FIELDS,
                st.lists(HEADER_FIELDS, min_size=1, max_size=2).map(lambda items: {"$or": items}),
                HEADER_FIELDS.map(lambda item: {"$not": item}),
            ),
            "body": st.dictionaries(st.sampled_from(["a", "b", "c"]), SCALARS, min_size=1, max_size=2),
            "query": st.dictionaries(st.sampled_from(["a", "b", "a.b"]), schemas_of_one(), min_size=1, max_size=2),
            "path": st.one_of(TEXTS, PATH_CONDITIONS.map(lambda pair: dict([pair]))),
        },
    ).filter(bool),
    headers=st.dictionaries(st.sampled_from(["a", "x-b", "x.c"]), TEXTS, max_size=3),
    query=st.dictionaries(
        st.sampled_from(["a", "b", "a.b"]), st.one_of(TEXTS, st.lists(TEXTS, min_size=2, max_size=2))
    ),
    path=TEXTS,
    body=DOCUMENTS,
)
def test_every_target_agrees_with_the_naive_reading(schemas, headers, query, path, body):
    compiled, naive = outcomes(schemas, headers=headers, query=query, path=path, body=body)
    assert compiled == naive
