"""Equality and order of JSON values, in filters and references.

The rule (semantics, section 2): a number equals a numeric string; booleans and null equal only themselves; objects and
arrays are compared deeply. Everything is iterative, so a deeply nested document cannot exhaust the stack.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

Predicate: TypeAlias = Callable[[Any], bool]
Number: TypeAlias = int | float


class Missing:
    """The type of MISSING: what a path or key gives when the document does not have it. Not equal to null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()

# Longer digit strings are identifiers, not quantities, and int() on them is not linear.
MAX_NUMERIC_TEXT: Final = 400
_NUMERIC = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)

_ORDERINGS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def number_of(text: str) -> Number | None:
    """The number a decimal string spells; None for anything else, the empty string, hex and infinities too."""
    if len(text) > MAX_NUMERIC_TEXT or not _NUMERIC.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        number = float(text)
    return number if math.isfinite(number) else None


def is_number(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is float


def is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def equals(left: Any, right: Any) -> bool:
    """Deep equality of two JSON values; MISSING equals nothing."""
    pending = [(left, right)]
    while pending:
        a, b = pending.pop()
        kind = type(a)
        if kind is not dict and kind is not list:
            if not scalars_equal(a, b):
                return False
            continue
        if type(b) is not kind or len(a) != len(b):
            return False
        if kind is list:
            pending.extend(zip(a, b, strict=True))
            continue
        for key, value in a.items():
            if key not in b:
                return False
            pending.append((value, b[key]))
    return True


def scalars_equal(a: Any, b: Any) -> bool:
    if a is MISSING or b is MISSING:
        return False
    if type(a) is type(b):
        return bool(a == b)
    if is_number(a) and is_number(b):
        return bool(a == b)
    if is_number(a) and type(b) is str:
        return bool(number_of(b) == a)
    if is_number(b) and type(a) is str:
        return bool(number_of(a) == b)
    return False


def equals_constant(constant: Any) -> Predicate:
    """`equals(value, constant)`, with everything that can be known of the constant known beforehand."""
    if constant is None or isinstance(constant, bool):
        return lambda value: value is constant
    if isinstance(constant, str):
        return _equals_text(constant)
    if isinstance(constant, int | float):
        return lambda value: (
            value == constant if is_number(value) else type(value) is str and number_of(value) == constant
        )
    return lambda value: equals(value, constant)


def _equals_text(constant: str) -> Predicate:
    number = number_of(constant)
    if number is None:
        return lambda value: bool(value == constant)
    return lambda value: value == number if is_number(value) else bool(value == constant)


def ordering(name: str) -> Callable[[Any], Predicate]:
    """A builder for `gt`, `gte`, `lt` or `lte`: numbers with numbers, strings with strings, a mixed pair as numbers."""
    holds = _ORDERINGS[name]

    def build(constant: Any) -> Predicate:
        if is_number(constant):
            return lambda value: _holds_for_number(value, holds, constant)
        number = number_of(constant)

        def compare(value: Any) -> bool:
            if type(value) is str:
                return holds(value, constant)
            return number is not None and is_number(value) and holds(value, number)

        return compare

    return build


def _holds_for_number(value: Any, holds: Callable[[Any, Any], bool], constant: Number) -> bool:
    if type(value) is str:
        value = number_of(value)
    return is_number(value) and holds(value, constant)


class ScalarSet:
    """Scalars looked up under the same equality as `equals`, in constant time."""

    __slots__ = ("_constants", "_numbers", "_numbers_in_text", "_texts")

    def __init__(self, scalars: list[Any]) -> None:
        self._texts = frozenset(item for item in scalars if type(item) is str)
        self._numbers = frozenset(item for item in scalars if is_number(item))
        spelled = (number_of(item) for item in self._texts)
        self._numbers_in_text = frozenset(number for number in spelled if number is not None)
        self._constants = [item for item in (None, True, False) if any(item is scalar for scalar in scalars)]

    def has(self, value: Any) -> bool:
        if type(value) is str:
            return value in self._texts or (bool(self._numbers) and number_of(value) in self._numbers)
        if is_number(value):
            return value in self._numbers or value in self._numbers_in_text
        return any(value is constant for constant in self._constants)


def leaves(items: list[Any], indexes: list[int] | None = None) -> Iterator[Any]:
    """Every element of an array that is not an array itself, through nested arrays, in order.

    An empty array (at any level) gives MISSING: only `$exists: false` and `$not` hold of an element that is not there.
    With `indexes`, the position in each enclosing array is kept at its end while the element is yielded; the caller
    truncates it again when it stops early.
    """
    if not items:
        yield MISSING
        return
    stack = [enumerate(items)]
    depth = len(indexes) if indexes is not None else 0
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        position, item = step
        if indexes is not None:
            del indexes[depth + len(stack) - 1 :]
            indexes.append(position)
        if type(item) is not list:
            yield item
        elif item:
            stack.append(enumerate(item))
        else:
            yield MISSING
