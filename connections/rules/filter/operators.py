"""The filter operators that test one value: their spellings, the operands they take, and what they mean.

`$or`, `$and`, `$not` and `$ref` combine or refer, and `$regex` has a budget: they live in nodes.py, as does the choice
between an array as a whole and its elements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from connections.rules.filter import values
from connections.rules.filter.values import MISSING, Predicate, ScalarSet, equals, equals_constant, is_scalar, leaves

MAX_AFFIXES: Final = 1000

# Every accepted spelling, without the dollar sign.
SPELLINGS: Final[dict[str, str]] = {
    **{
        name: name
        for name in ("eq", "neq", "gt", "gte", "lt", "lte", "in", "nin", "contains", "starts_with", "ends_with")
    },
    **{name: name for name in ("exists", "regex", "or", "and", "not", "ref")},
    "startsWith": "starts_with",
    "endsWith": "ends_with",
    "exist": "exists",
}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    `accepts` says when saving which operands are legal, `expects` says it in words. `referred` turns what a `$ref`
    found in the request into an operand, or MISSING when it cannot be one; None: no `$ref` here. `whole` operators see
    an array itself, the others ask whether one of its elements passes.
    """

    expects: str
    accepts: Callable[[Any], bool]
    build: Callable[[Any], Predicate]
    referred: Callable[[Any], Any] | None
    whole: bool


def operator_name(key: str) -> str | None:
    """`$startsWith`, `starts_with` -> "starts_with"; None for what is no operator."""
    return SPELLINGS.get(key.removeprefix("$"))


def _is_orderable(operand: Any) -> bool:
    return is_scalar(operand) and operand is not None and not isinstance(operand, bool)


def _is_membership(operand: Any) -> bool:
    return (is_scalar(operand) and operand is not None) or (isinstance(operand, list) and bool(operand))


def _is_affix(operand: Any) -> bool:
    if isinstance(operand, list):
        return 0 < len(operand) <= MAX_AFFIXES and all(isinstance(item, str) for item in operand)
    return isinstance(operand, str)


def _is_sought(operand: Any) -> bool:
    return is_scalar(operand) or (isinstance(operand, list) and bool(operand))


def _anything(operand: Any) -> bool:
    return True


def _as_is(found: Any) -> Any:
    return found


def _only_if(legal: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """Lists are left out: testing every value of a request against every item of a list in it would be quadratic."""
    return lambda found: found if not isinstance(found, list) and legal(found) else MISSING


def _members(found: Any) -> Any:
    """A list out of the request counts with its scalars only, which are looked up in constant time."""
    if isinstance(found, list):
        return [item for item in found if is_scalar(item)]
    return found if _is_membership(found) else MISSING


def _not_equals(operand: Any) -> Predicate:
    same = equals_constant(operand)
    return lambda value: value is not MISSING and not same(value)


def _in(operand: Any) -> Predicate:
    if isinstance(operand, list):
        return _in_list(operand)
    same = equals_constant(operand)
    text = operand if isinstance(operand, str) else None

    def test(value: Any) -> bool:
        if type(value) is str and text is not None:
            return text in value
        if type(value) is list:
            return any(same(item) for item in leaves(value))
        return same(value)

    return test


def _in_list(operand: list[Any]) -> Predicate:
    scalars = ScalarSet([item for item in operand if is_scalar(item)])
    others = [item for item in operand if not is_scalar(item)]

    def test(value: Any) -> bool:
        if is_scalar(value):
            return scalars.has(value)
        if any(equals(value, other) for other in others):
            return True
        if type(value) is not list:
            return False
        return any(
            scalars.has(item) if is_scalar(item) else any(equals(item, other) for other in others)
            for item in leaves(value)
        )

    return test


def _not_in(operand: Any) -> Predicate:
    found = _in(operand)
    return lambda value: value is not MISSING and not found(value)


def _contains(operand: Any) -> Predicate:
    if not isinstance(operand, list):
        return _in(operand)
    tests = [_in(item) for item in operand]
    return lambda value: all(test(value) for test in tests)


def _affix(side: str) -> Callable[[Any], Predicate]:
    def build(operand: Any) -> Predicate:
        affix = tuple(operand) if isinstance(operand, list) else operand
        if side == "start":
            return lambda value: type(value) is str and value.startswith(affix)
        return lambda value: type(value) is str and value.endswith(affix)

    return build


def _exists(operand: Any) -> Predicate:
    if operand:
        return lambda value: value is not MISSING
    return lambda value: value is MISSING


def _orderings() -> dict[str, Operator]:
    return {
        name: Operator("a number or a string", _is_orderable, values.ordering(name), _only_if(_is_orderable), False)
        for name in ("gt", "gte", "lt", "lte")
    }


_MEMBERSHIP: Final = "a string, a number, a boolean or a non-empty list"
_AFFIX: Final = f"a string or a list of 1 to {MAX_AFFIXES} strings"

OPERATORS: Final[dict[str, Operator]] = {
    "eq": Operator("a JSON value", _anything, equals_constant, _as_is, True),
    "neq": Operator("a JSON value", _anything, _not_equals, _as_is, True),
    **_orderings(),
    "in": Operator(_MEMBERSHIP, _is_membership, _in, _members, True),
    "nin": Operator(_MEMBERSHIP, _is_membership, _not_in, _members, True),
    "contains": Operator("a value or a non-empty list", _is_sought, _contains, _only_if(is_scalar), True),
    "starts_with": Operator(_AFFIX, _is_affix, _affix("start"), _only_if(_is_affix), False),
    "ends_with": Operator(_AFFIX, _is_affix, _affix("end"), _only_if(_is_affix), False),
    "exists": Operator("true or false", lambda operand: isinstance(operand, bool), _exists, None, True),
}
