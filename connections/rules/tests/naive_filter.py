"""The filter language read straight from its description, one recursive function a sentence; slow and without checks.

The rules are those of the semantics page (section 2) and docs/api.md. Nothing of the product is used here. A schema
must be legal, and a document must be what JSON can hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ABSENT = object()
PLAIN = ("eq", "neq", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists", "regex", "or", "and", "not", "ref")
OTHER = {"starts_with": "starts_with", "startsWith": "starts_with", "ends_with": "ends_with", "endsWith": "ends_with"}
NAMES = {name: name for name in PLAIN} | OTHER | {"exist": "exists"}
# "one element": these ask for one element of an array; the others look at the array itself.
OF_ONE_ELEMENT = {"gt", "gte", "lt", "lte", "starts_with", "ends_with", "regex"}
NUMBER = re.compile(r"[ \t\r\n\f\v]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\r\n\f\v]*")


@dataclass
class Place:
    """Where a value was found: the target it belongs to, and its position in each array on the way."""

    target: Any
    request: dict[str, Any]
    positions: list[int] = field(default_factory=list)

    def at(self, *positions: int) -> Place:
        return Place(self.target, self.request, [*self.positions, *positions])


def matches(schemas: dict[str, Any], request: dict[str, Any]) -> tuple[bool, list[str]]:
    """Whether all given targets match, and those that do not."""
    failed = []
    for name in ("headers", "body", "query", "path"):
        if schemas.get(name) is not None:
            schema = lowered(schemas[name]) if name == "headers" else schemas[name]
            if not holds(schema, request[name], Place(request[name], request)):
                failed.append(name)
    return not failed, failed


def lowered(schema: Any) -> Any:
    """Header names are matched in lower case: the names on top, also through $or, $and and $not."""
    if isinstance(schema, list):
        return [lowered(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key if operator(key) else key.lower(): lowered(item) if operator(key) in ("or", "and", "not") else item
        for key, item in schema.items()
    }


def operator(key: str) -> str | None:
    return NAMES.get(key[1:] if key.startswith("$") else key)


def holds(schema: Any, value: Any, place: Place) -> bool:
    if isinstance(schema, list):
        # "a schema array means all of its items are found"
        return isinstance(value, list) and all(
            any(holds(wanted, item, place.at(position)) for position, item in enumerate(value)) for wanted in schema
        )
    if isinstance(schema, dict):
        return holds_object(schema, value, place)
    return any(equal(item, schema) for item, _ in elements(value, place))


def holds_object(schema: dict[str, Any], value: Any, place: Place) -> bool:
    conditions = {key: operand for key, operand in schema.items() if operator(key) and key.startswith("$")}
    if all(operator(key) for key in schema):
        # "accepted without $ when the object holds only operator names", unless the request has such a field
        bare = not conditions
        if not (
            bare and any(isinstance(item, dict) and item.keys() & schema.keys() for item, _ in elements(value, place))
        ):
            return holds_conditions(schema, value, place)
        conditions = {}
    fields = {key: item for key, item in schema.items() if key not in conditions}
    # "one element must satisfy a whole object schema"
    return any(
        all(holds_field(key, wanted, item, where) for key, wanted in fields.items())
        and all(holds_condition(key, operand, item, where) for key, operand in conditions.items())
        for item, where in elements(value, place)
    )


def holds_field(key: str, wanted: Any, value: Any, place: Place) -> bool:
    if isinstance(value, dict) and key in value:
        return holds(wanted, value[key], place)
    first, dot, rest = key.partition(".")
    if dot and all(key.split(".")):
        # "dotted keys are accepted as a spelling of nesting"
        inner = value.get(first, ABSENT) if isinstance(value, dict) else ABSENT
        return any(holds_nested(rest.split("."), wanted, item, where) for item, where in elements(inner, place))
    return holds(wanted, ABSENT, place)


def holds_nested(steps: list[str], wanted: Any, value: Any, place: Place) -> bool:
    inner = value.get(steps[0], ABSENT) if isinstance(value, dict) else ABSENT
    if len(steps) == 1:
        return holds(wanted, inner, place)
    return any(holds_nested(steps[1:], wanted, item, where) for item, where in elements(inner, place))


def holds_conditions(schema: dict[str, Any], value: Any, place: Place) -> bool:
    of_one = {key: operand for key, operand in schema.items() if operator(key) in OF_ONE_ELEMENT}
    of_all = {key: operand for key, operand in schema.items() if key not in of_one}
    return all(holds_condition(key, operand, value, place) for key, operand in of_all.items()) and (
        not of_one
        or any(
            all(holds_condition(key, operand, item, where) for key, operand in of_one.items())
            for item, where in elements(value, place)
        )
    )


def holds_condition(key: str, operand: Any, value: Any, place: Place) -> bool:
    name = operator(key)
    if name == "or":
        return any(holds(item, value, place) for item in operand)
    if name == "and":
        return all(holds(item, value, place) for item in operand)
    if name == "not":
        return not holds(operand, value, place)
    if name == "exists":
        return (value is not ABSENT) is operand
    if name == "ref":
        return holds_reference(operand, value, place)
    if value is ABSENT:
        # "a missing key matches only $exists:false ... and whatever is under $not"
        return False
    if isinstance(operand, dict) and operand.keys() == {"$ref"}:
        operand = referred(operand["$ref"], place)
        if operand is ABSENT or not may_be_operand(name, operand):
            return False
        if name in ("in", "nin") and isinstance(operand, list):
            operand = [item for item in operand if not isinstance(item, dict | list)]
    return compares(name, operand, value, place)


def compares(name: str | None, operand: Any, value: Any, place: Place) -> bool:
    if name == "eq":
        return equal(value, operand)
    if name == "neq":
        return not equal(value, operand)
    if name == "in":
        return is_in(operand, value)
    if name == "nin":
        return not is_in(operand, value)
    if name == "contains":
        return contains(operand, value, place)
    if name == "regex":
        return isinstance(value, str) and re.search(operand, value) is not None
    if name in ("starts_with", "ends_with"):
        affixes = operand if isinstance(operand, list) else [operand]
        if not isinstance(value, str):
            return False
        return any(value.startswith(text) if name == "starts_with" else value.endswith(text) for text in affixes)
    return in_order(name, value, operand)


def may_be_operand(name: str | None, found: Any) -> bool:
    """What a $ref finds serves as the operand that could have been written there; of lists only scalars, and only for
    $eq, $neq, $in and $nin."""
    if name in ("eq", "neq"):
        return True
    if name in ("in", "nin"):
        return isinstance(found, list) or (found is not None and not isinstance(found, dict))
    if name == "contains":
        return not isinstance(found, list | dict)
    if name in ("starts_with", "ends_with"):
        return isinstance(found, str)
    return is_number(found) or isinstance(found, str)


def is_in(operand: Any, value: Any) -> bool:
    """ "$in/$nin work on scalars, substrings and arrays" """
    values = [item for item, _ in elements(value, Place(None, {}))] if isinstance(value, list) else [value]
    if isinstance(operand, list):
        return any(equal(item, wanted) for item in [value, *values] for wanted in operand)
    if isinstance(operand, str) and isinstance(value, str):
        return operand in value
    return any(equal(item, operand) for item in values)


def contains(operand: Any, value: Any, place: Place) -> bool:
    wanted = operand if isinstance(operand, list) else [operand]
    if any(isinstance(item, dict | list) for item in wanted):
        return holds(wanted, value, place)
    return all(is_in(item, value) for item in wanted)


def holds_reference(path: str, value: Any, place: Place) -> bool:
    if "[$index]" in path:
        # The position is that of the element which is compared.
        found = [(value, place), *(elements(value, place) if isinstance(value, list) else [])]
        return any(equal(item, referred(path, where)) for item, where in found)
    there = referred(path, place)
    found = [value, *value, *(item for item, _ in elements(value, place))] if isinstance(value, list) else [value]
    return any(equal(item, there) for item in found)


def referred(path: str, place: Place) -> Any:
    """ "a path from the root, [$index] the current array index"; the n-th one is that of the n-th array on the way."""
    found = walk(path, place.target, list(place.positions))
    root, dot, rest = path.partition(".")
    if found is ABSENT and dot and root in ("body", "headers", "query"):
        return walk(rest.lower() if root == "headers" else rest, place.request[root], list(place.positions))
    return found


def walk(path: str, value: Any, positions: list[int]) -> Any:
    if isinstance(value, dict) and path in value:
        return value[path]  # as with dotted keys, one of just that name comes first
    for step in re.findall(r'\[\$index\]|(?<=\[").*?(?="\])|[^.\[\]"]+', path):
        if step == "[$index]":
            if not positions:
                return ABSENT
            step = str(positions.pop(0))
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list):
            value = value[int(step)] if step.isdigit() and int(step) < len(value) else ABSENT
        else:
            return ABSENT
        if value is ABSENT:
            return ABSENT
    return value


def elements(value: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    """What "any element" means: the value itself unless it is an array; through arrays in arrays; one that is empty has
    an element that is not there."""
    if not isinstance(value, list):
        yield value, place
    elif not value:
        yield ABSENT, place
    else:
        for position, item in enumerate(value):
            yield from elements(item, place.at(position))


def equal(a: Any, b: Any) -> bool:
    if a is ABSENT or b is ABSENT:
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if is_number(a) or is_number(b):
        # "numbers and numeric strings are equal"
        x, y = number(a), number(b)
        return x is not None and y is not None and x == y
    return type(a) is type(b) and bool(a == b)


def in_order(name: str | None, value: Any, operand: Any) -> bool:
    """ "compare numbers with numbers, strings with strings; a numeric string against a number as numbers" """
    if not (isinstance(value, str) and isinstance(operand, str)):
        value, operand = number(value), number(operand)
        if value is None or operand is None:
            return False
    return {
        "gt": lambda: value > operand,
        "gte": lambda: value >= operand,
        "lt": lambda: value < operand,
        "lte": lambda: value <= operand,
    }[str(name)]()


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> float | int | None:
    if is_number(value):
        return value
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return int(value) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", value) else float(value)
    return None
