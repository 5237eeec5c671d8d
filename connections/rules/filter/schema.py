"""A filter schema for one target, compiled once into closures that are called for every request.

Here: objects, arrays, field names, and what is refused. What an operator means is in operators.py, how a condition is
tested on a value or an array in nodes.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connections.rules.filter.nodes import (
    Node,
    all_of,
    any_element,
    any_leaf,
    compare_with_reference,
    per_element,
    refers,
    regex,
    scalar,
)
from connections.rules.filter.operators import OPERATORS, SPELLINGS, Operator, operator_name
from connections.rules.filter.pattern import compile_pattern
from connections.rules.filter.reference import Reference, Scope
from connections.rules.filter.values import MISSING, is_scalar, leaves
from connections.rules.json_value import MAX_DEPTH, MAX_VALUES, check_json, check_key
from fasthook.lib.errors import InvalidInput, invalid

MAX_NODES: Final = 2000

_COMBINABLE: Final = frozenset({"or", "and", "not", "exists"})
_NOTHING: Final[dict[str, Any]] = {}


class BeyondLimits(InvalidInput):
    """Too deep or too large, whichever way an ambiguous name is read."""


@dataclass(slots=True)
class Draft:
    """What compiling one target adds up: its size, and whether evaluating it needs a Scope.

    `compiled` keeps the parts that both readings of an ambiguous object share, lest nesting them double the work.
    """

    target: str
    nodes: int = 0
    values: int = 0
    needs_scope: bool = False
    compiled: dict[tuple[int, int, bool], Node] = field(default_factory=dict)

    def count(self, *, at: str, values: int = 0) -> None:
        self.nodes += 1
        self.values += values
        if self.nodes > MAX_NODES or self.values > MAX_VALUES:
            raise beyond(at, f"makes the filter too large: at most {MAX_NODES} conditions and {MAX_VALUES} values")


def compile_schema(schema: Any, draft: Draft, *, at: str, depth: int = 0, root: bool = False) -> Node:
    """Raises InvalidInput naming the place of the fault. `root` marks the top of a target, through `$or $and $not`."""
    key = (id(schema), depth, root)
    if key in draft.compiled:
        return draft.compiled[key]
    draft.count(at=at)
    if depth > MAX_DEPTH:
        raise beyond(at, f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(schema, Mapping):
        node = _compile_object(schema, draft, at=at, depth=depth, root=root)
    elif isinstance(schema, list):
        node = _compile_array(schema, draft, at=at, depth=depth)
    else:
        check_json(schema, at=at)
        return scalar(schema)
    draft.compiled[key] = node
    return node


def beyond(at: str, fault: str) -> BeyondLimits:
    return BeyondLimits(f"{at}: {fault}", fields={at: [fault]})


def _compile_array(schema: list[Any], draft: Draft, *, at: str, depth: int) -> Node:
    """All items of the schema are found, each in some element."""
    if not schema:
        raise invalid(at, 'must not be an empty list; to match an empty array write {"$eq": []}')
    if draft.target == "path":
        raise invalid(at, 'must not be a list; for alternatives write {"$in": [...]} or {"$or": [...]}')
    wanted = [
        compile_schema(item, draft, at=f"{at}[{position}]", depth=depth + 1) for position, item in enumerate(schema)
    ]

    def match(value: Any, scope: Scope | None) -> bool:
        return type(value) is list and all(any_element(value, scope, test=node) for node in wanted)

    return match


def _compile_object(schema: Mapping[Any, Any], draft: Draft, *, at: str, depth: int, root: bool) -> Node:
    if not schema:
        raise invalid(at, 'must not be empty; to match an empty object write {"$eq": {}}')
    for key in schema:
        _check_name(key, at=at)
    named = [key for key in schema if operator_name(key) is not None]
    if len(named) == len(schema):
        if any(key.startswith("$") for key in schema) or draft.target == "path":
            return _compile_operators(schema, draft, at=at, depth=depth, root=root)
        return _compile_bare(schema, draft, at=at, depth=depth, root=root)
    operators = {key: schema[key] for key in schema if key.startswith("$")}
    fields = {key: schema[key] for key in schema if not key.startswith("$")}
    for key in operators:
        if operator_name(key) not in _COMBINABLE:
            raise invalid(f"{at}.{key}", "cannot stand beside fields: an object is never equal to or greater than it")
    matches_fields = _compile_fields(fields, draft, at=at, depth=depth, root=root)
    if not operators:
        return matches_fields
    return _fields_and(
        matches_fields, [_operator(key, operators[key], draft, at=at, depth=depth, root=root)[0] for key in operators]
    )


def _check_name(key: Any, *, at: str) -> None:
    check_key(key, at=at)
    if key.startswith("$") and operator_name(key) is None:
        close = difflib.get_close_matches(key[1:], SPELLINGS, n=1)
        raise invalid(f"{at}.{key}", f"is not an operator{f'; did you mean ${close[0]}?' if close else ''}")


def _fields_and(matches_fields: Node, conditions: list[Node]) -> Node:
    """Fields and conditions of one object hold for the same element of an array."""

    def holds(value: Any, scope: Scope | None) -> bool:
        return matches_fields(value, scope) and all(condition(value, scope) for condition in conditions)

    return per_element(holds)


def _compile_fields(schema: Mapping[str, Any], draft: Draft, *, at: str, depth: int, root: bool) -> Node:
    if draft.target == "path":
        key = next(iter(schema))
        raise invalid(
            f"{at}.{key}", "is not an operator; the path is text, such as '/stripe' or {\"$starts_with\": ...}"
        )
    parts: list[tuple[str, Node]] = []
    dotted: list[Node] = []
    for key, item in schema.items():
        name = key.lower() if root and draft.target == "headers" else key
        steps = name.split(".")
        nests = len(steps) > 1 and all(steps)
        node = compile_schema(item, draft, at=f"{at}.{key}", depth=depth + (len(steps) if nests else 1))
        if nests:
            dotted.append(_dotted(name, steps, node))
        else:
            parts.append((name, node))
    return _fields(parts, dotted)


def _dotted(name: str, steps: list[str], node: Node) -> Node:
    """`data.currency` is a spelling of nesting, unless the document has a key of just that name."""
    nested = node
    for key in reversed(steps):
        nested = _fields([(key, nested)], [])

    def match(value: Any, scope: Scope | None) -> bool:
        if type(value) is dict and name in value:
            return node(value[name], scope)
        return nested(value, scope)

    return match


def _fields(parts: list[tuple[str, Node]], dotted: list[Node]) -> Node:
    def holds(value: Any, scope: Scope | None) -> bool:
        fields = value if type(value) is dict else _NOTHING
        for key, node in parts:
            if not node(fields.get(key, MISSING), scope):
                return False
        return all(node(value, scope) for node in dotted) if dotted else True

    def match(value: Any, scope: Scope | None) -> bool:
        return any_leaf(value, scope, test=holds) if type(value) is list else holds(value, scope)

    return match


def _compile_bare(schema: Mapping[str, Any], draft: Draft, *, at: str, depth: int, root: bool) -> Node:
    """Operator names without `$` may as well be field names: GitHub sends `{"ref": "refs/heads/main"}`.

    So where the document has an object with such keys they are its fields, and operators everywhere else.
    """
    try:
        as_operators = _compile_operators(schema, draft, at=at, depth=depth, root=root)
    except BeyondLimits:
        raise
    except InvalidInput:
        if "ref" not in schema and not any(isinstance(operand, Mapping) for operand in schema.values()):
            raise
        return _compile_fields(schema, draft, at=at, depth=depth, root=root)
    try:
        as_fields = _compile_fields(schema, draft, at=at, depth=depth, root=root)
    except BeyondLimits:
        raise
    except InvalidInput:
        return as_operators
    names = tuple(schema)

    def has_fields(value: Any) -> bool:
        return type(value) is dict and any(name in value for name in names)

    def match(value: Any, scope: Scope | None) -> bool:
        is_object = any(has_fields(leaf) for leaf in leaves(value)) if type(value) is list else has_fields(value)
        return as_fields(value, scope) if is_object else as_operators(value, scope)

    return match


def _compile_operators(schema: Mapping[str, Any], draft: Draft, *, at: str, depth: int, root: bool) -> Node:
    whole: list[Node] = []
    of_element: list[Node] = []
    for key, operand in schema.items():
        node, sees_arrays = _operator(key, operand, draft, at=at, depth=depth, root=root)
        (whole if sees_arrays else of_element).append(node)
    if of_element:
        whole.append(per_element(all_of(of_element)))
    return all_of(whole)


def _operator(key: str, operand: Any, draft: Draft, *, at: str, depth: int, root: bool) -> tuple[Node, bool]:
    """The node, and whether it looks at an array as a whole rather than at its elements."""
    name = operator_name(key)
    assert name is not None
    at = f"{at}.{key}"
    draft.count(at=at)
    if depth >= MAX_DEPTH:
        raise beyond(at, f"is nested more than {MAX_DEPTH} levels deep")
    if name in ("or", "and"):
        return _combine(name, operand, draft, at=at, depth=depth, root=root), True
    if name == "not":
        negated = compile_schema(operand, draft, at=at, depth=depth + 1, root=root)
        return lambda value, scope: not negated(value, scope), True
    if name == "ref":
        draft.needs_scope = True
        return refers(Reference(operand, at=at, target=draft.target)), True
    if name == "regex":
        return _regex(operand, draft, at=at), False
    operator = OPERATORS[name]
    if isinstance(operand, Mapping) and set(operand) == {"$ref"}:
        return _compare_with_reference(operator, operand["$ref"], draft, at=at), operator.whole
    if name == "contains" and _holds_objects(operand):
        return _contains_objects(operand, draft, at=at, depth=depth), True
    draft.count(at=at, values=check_json(operand, at=at, depth=depth))
    if not operator.accepts(operand):
        raise invalid(at, f"must be {operator.expects}")
    test = operator.build(operand)
    return lambda value, scope: test(value), operator.whole


def _combine(name: str, operand: Any, draft: Draft, *, at: str, depth: int, root: bool) -> Node:
    if not isinstance(operand, list) or not operand:
        raise invalid(at, "must be a non-empty list of conditions")
    nodes = [
        compile_schema(item, draft, at=f"{at}[{position}]", depth=depth + 1, root=root)
        for position, item in enumerate(operand)
    ]
    if name == "or":
        return lambda value, scope: any(node(value, scope) for node in nodes)
    return all_of(nodes)


def _compare_with_reference(operator: Operator, path: Any, draft: Draft, *, at: str) -> Node:
    if operator.referred is None:
        raise invalid(at, f"must be {operator.expects}")
    draft.needs_scope = True
    return compare_with_reference(operator, Reference(path, at=f"{at}.$ref", target=draft.target))


def _regex(operand: Any, draft: Draft, *, at: str) -> Node:
    if not isinstance(operand, str) or not operand:
        raise invalid(at, "must be a non-empty regular expression")
    check_json(operand, at=at)
    draft.needs_scope = True
    return regex(*compile_pattern(operand, at=at))


def _holds_objects(operand: Any) -> bool:
    return isinstance(operand, Mapping) or (isinstance(operand, list) and not all(is_scalar(item) for item in operand))


def _contains_objects(operand: Any, draft: Draft, *, at: str, depth: int) -> Node:
    """`{"$contains": {"sku": "x"}}`: some element matches the object, partially as everywhere."""
    return _compile_array(operand if isinstance(operand, list) else [operand], draft, at=at, depth=depth)
