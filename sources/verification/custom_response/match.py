"""Matching of a custom response's rules: plain tests on named values, all of which must hold.

A test is a value (equal to it), a list (one of them), or an object with `eq`, `in`, `exists`, `starts_with`. Numbers
and numeric strings are equal, as they are in the filters of connections; there is no more of that language here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fasthook.lib.config_fields import ObjectReader, closest
from fasthook.lib.errors import invalid
from sources.verification.custom_response.values import MISSING, ResponseValues, Steps, read_body_path

MAX_TESTS: Final = 32
MAX_ALTERNATIVES: Final = 100
MAX_TEXT_CHARACTERS: Final = 4096
OPERATORS: Final = ("eq", "in", "exists", "starts_with")
_PLACES: Final = ("method", "path", "query", "headers", "body")


@dataclass(frozen=True, slots=True)
class Test:
    steps: Steps
    operator: str
    operand: Any

    def holds(self, values: ResponseValues) -> bool:
        value = values.find(self.steps)
        if self.operator == "exists":
            return (value is not MISSING) is self.operand
        if value is MISSING:
            return False
        if self.operator == "starts_with":
            return isinstance(value, str) and value.startswith(self.operand)
        return any(_equal(value, each) for each in self.operand)


def normalise_match(value: object, *, at: str) -> dict[str, Any]:
    """The stored form: as it was given, with header names in lower case and operators without `$`."""
    fields = ObjectReader(value, at=at, known=_PLACES)
    stored: dict[str, Any] = {}
    for place in _PLACES:
        if not fields.has(place):
            continue
        given, where = fields.get(place), fields.at(place)
        if place in ("method", "path"):
            stored[place] = _read_test(given, at=where)
            continue
        if not isinstance(given, Mapping) or not given:
            raise invalid(where, "must be an object of names and tests, not empty")
        stored[place] = {
            (name.lower() if place == "headers" else name): _read_test(test, at=f"{where}.{name}")
            for name, test in given.items()
        }
        for name in stored[place] if place == "body" else ():
            read_body_path(name, at=f"{where}.{name}")
    if not stored:
        raise invalid(at, f"must test something: {', '.join(_PLACES)}")
    if len(compile_match(stored)) > MAX_TESTS:
        raise invalid(at, f"must have at most {MAX_TESTS} tests")
    return stored


def compile_match(stored: Mapping[str, Any]) -> tuple[Test, ...]:
    tests: list[Test] = []
    for place, given in stored.items():
        if place in ("method", "path"):
            tests += _compile_test((place,), given)
        elif place == "body":
            for name, test in given.items():
                tests += _compile_test(("body", *read_body_path(name, at=name)), test)
        else:
            for name, test in given.items():
                tests += _compile_test((place, name), test)
    return tuple(tests)


def _read_test(test: object, *, at: str) -> Any:
    if isinstance(test, list):
        return _read_alternatives(test, at=at)
    if not isinstance(test, Mapping):
        return _read_scalar(test, at=at)
    if not test:
        raise invalid(at, f"must have one of {', '.join(OPERATORS)}")
    stored: dict[str, Any] = {}
    for given, operand in test.items():
        operator = str(given).removeprefix("$")
        where = f"{at}.{given}"
        if operator not in OPERATORS:
            near = closest(operator, OPERATORS)
            raise invalid(where, f"is not an operator; {f'did you mean {near}?' if near else ', '.join(OPERATORS)}")
        stored[operator] = _read_operand(operator, operand, at=where)
    return stored


def _read_operand(operator: str, operand: object, *, at: str) -> Any:
    if operator == "exists":
        if not isinstance(operand, bool):
            raise invalid(at, "must be true or false")
        return operand
    if operator == "starts_with":
        if not isinstance(operand, str) or not operand:
            raise invalid(at, "must be a string, not empty")
        return _read_scalar(operand, at=at)
    return _read_alternatives(operand, at=at) if operator == "in" else _read_scalar(operand, at=at)


def _read_alternatives(values: object, *, at: str) -> list[Any]:
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_ALTERNATIVES:
        raise invalid(at, f"must be a list of 1 to {MAX_ALTERNATIVES} values")
    return [_read_scalar(value, at=f"{at}[{index}]") for index, value in enumerate(values)]


def _read_scalar(value: object, *, at: str) -> Any:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise invalid(at, "must be a string, a number, a boolean or null")
    if isinstance(value, str) and (len(value) > MAX_TEXT_CHARACTERS or "\x00" in value or not _is_unicode(value)):
        raise invalid(at, f"must be text of at most {MAX_TEXT_CHARACTERS} characters, without NUL")
    return value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _compile_test(steps: Steps, test: Any) -> list[Test]:
    if isinstance(test, list):
        return [Test(steps, "in", tuple(test))]
    if not isinstance(test, Mapping):
        return [Test(steps, "in", (test,))]
    tests = []
    for operator, operand in test.items():
        if operator in ("eq", "in"):
            tests.append(Test(steps, "in", tuple(operand) if operator == "in" else (operand,)))
        else:
            tests.append(Test(steps, operator, operand))
    return tests


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool) or value is None or wanted is None:
        return value is wanted
    if isinstance(value, str) is isinstance(wanted, str):
        return bool(value == wanted)
    text, number = (value, wanted) if isinstance(value, str) else (wanted, value)
    if not isinstance(number, int | float) or len(text) > 64:
        return False
    try:
        return float(text) == number
    except ValueError:
        return False
