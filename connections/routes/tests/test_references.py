"""`${NAME}` in texts: what it becomes, what merely looks like it, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.routes.document.references import Substituted, escape, substitute
from fasthook.lib.errors import InvalidInput

VARIABLES = {"A": "x", "N": 5, "T": True, "EMPTY": ""}
MARKS = st.text(st.sampled_from("${}Aa "), max_size=12)


def resolve(value: Any, **options: Any) -> tuple[Any, Substituted]:
    found = Substituted()
    return substitute(value, VARIABLES, found, at="d", **options), found


@given(MARKS)
def test_what_is_escaped_comes_back_as_it_was(text: str) -> None:
    back, found = resolve(escape(text))
    assert (back, found.used, found.faults, found.absent) == (text, set(), {}, {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "x"),
        ("${N}", 5),
        ("${T}", True),
        ("${EMPTY}", ""),
        ("${A}-${N}-${T}", "x-5-true"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("costs 5$", "costs 5$"),
        ("$A {A}", "$A {A}"),
    ],
)
def test_references_become_values(text: str, value: Any) -> None:
    resolved, found = resolve(text)
    assert (resolved, type(resolved), found.faults) == (value, type(value), {})


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${1A}", "x${A", "${A${N}}"])
def test_what_is_no_reference_is_a_fault(text: str) -> None:
    _, found = resolve({"k": [text]})
    assert list(found.faults) == ["d.k[0]"]
    assert "write $${ for a literal ${" in found.faults["d.k[0]"][0]


def test_an_unknown_name_is_absent_as_a_whole_and_a_fault_as_a_part() -> None:
    resolved, found = resolve({"whole": "${B}", "part": "x${B}"})
    assert resolved["whole"] == "${B}"
    assert (found.absent, found.faults) == ({"d.whole": "B"}, {"d.part": ["the variable B is not given"]})


def test_keys_and_verbatim_entries_are_left_alone() -> None:
    resolved, found = resolve({"${A}": 1, "code": "`${A}`"}, verbatim={"code"})
    assert (resolved, found.used) == ({"${A}": 1, "code": "`${A}`"}, set())


@pytest.mark.parametrize("text", ["${LONG}", "${LONG}${LONG}", "a ${LONG}"])
def test_one_long_value_in_many_places_is_refused(text: str) -> None:
    long = {"LONG": "x" * 400_000}
    with pytest.raises(InvalidInput, match=r"makes the document too long: its references may add 10000000 characters"):
        substitute([text] * 30, long, Substituted(), at="document.sources")
