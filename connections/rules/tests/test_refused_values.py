"""Values that JSON cannot carry here, and limits that only code meets: rules refuse them all the same, by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from connections.rules.filter.pattern import compile_pattern
from connections.rules.filter.rule import compile_filter
from connections.rules.json_value import check_json, check_text
from connections.rules.spec import normalise_rules
from fasthook.lib.errors import InvalidInput


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (math.inf, "must be a finite number"),
        ({5: 1}, "must have text keys"),
        ("a\0b", "must not contain a NUL character"),
        ("\ud800", "must be valid Unicode text"),
        ({1, 2}, "must be a JSON value"),
    ],
)
def test_what_is_no_storable_json(value: Any, fault: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_json(value, at="body")
    assert refused.value.message == f"body: {fault}"


def test_a_filter_that_is_no_object() -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_filter(5, at="filter")  # type: ignore[arg-type]
    assert refused.value.message == "filter: must be an object with headers, body, query or path"


def test_a_pattern_that_grows_too_large() -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_pattern("(a{90}){9}", at="body.$regex")
    assert refused.value.message == "body.$regex: is too large once expanded; use smaller repetition counts"


def test_a_rule_with_several_faults_names_them_all() -> None:
    with pytest.raises(InvalidInput) as refused:
        normalise_rules([{"type": "delay", "delay": "soon", "more": 1}])
    assert refused.value.fields.keys() == {"rules[0].more", "rules[0].delay"}


def test_text_with_a_nul() -> None:
    with pytest.raises(InvalidInput, match="must not contain a NUL character"):
        check_text("\0", at="name")
