"""The closures a filter is made of: how one condition is tested on a value, an array or nothing at all.

A node takes a value (or MISSING) and a Scope, which is None when no part of the filter needs one. Which nodes a schema
becomes is decided in schema.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from connections.rules.filter.operators import Operator
from connections.rules.filter.pattern import Search
from connections.rules.filter.reference import Reference, Scope
from connections.rules.filter.values import MISSING, equals, equals_constant, leaves

Node: TypeAlias = Callable[[Any, Scope | None], bool]


def any_leaf(items: list[Any], scope: Scope | None, *, test: Node) -> bool:
    """Whether one element, through nested arrays, passes the test; an empty array is tested as having nothing."""
    if scope is None:
        return any(test(leaf, None) for leaf in leaves(items))
    depth = len(scope.indexes)
    found = any(test(leaf, scope) for leaf in leaves(items, scope.indexes))
    del scope.indexes[depth:]
    return found


def any_element(items: list[Any], scope: Scope | None, *, test: Node) -> bool:
    if scope is None:
        return any(test(item, None) for item in items)
    depth = len(scope.indexes)
    for position, item in enumerate(items):
        scope.indexes.append(position)
        found = test(item, scope)
        del scope.indexes[depth:]
        if found:
            return True
    return False


def per_element(test: Node) -> Node:
    def match(value: Any, scope: Scope | None) -> bool:
        return any_leaf(value, scope, test=test) if type(value) is list else test(value, scope)

    return match


def all_of(nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    return lambda value, scope: all(node(value, scope) for node in nodes)


def scalar(constant: Any) -> Node:
    same = equals_constant(constant)

    def match(value: Any, scope: Scope | None) -> bool:
        if type(value) is list:
            return any(same(leaf) for leaf in leaves(value))
        return same(value)

    return match


def refers(reference: Reference) -> Node:
    """The value equals what is there, or is an array with such an element. Nothing equals what is not there."""

    def same(value: Any, scope: Scope | None) -> bool:
        assert scope is not None
        return equals(value, reference.resolve(scope))

    def match(value: Any, scope: Scope | None) -> bool:
        if same(value, scope):
            return True
        if type(value) is not list:
            return False
        if reference.per_element:
            return any_leaf(value, scope, test=same)
        assert scope is not None
        there = reference.resolve(scope)
        return any(equals(item, there) for item in value) or any(equals(leaf, there) for leaf in leaves(value))

    return match


def compare_with_reference(operator: Operator, reference: Reference) -> Node:
    def match(value: Any, scope: Scope | None) -> bool:
        assert scope is not None
        there = reference.resolve(scope)
        if there is MISSING:
            return False
        test = scope.predicate(operator, there)
        return test is not None and test(value)

    return match


def regex(search: Search, steps_per_character: int) -> Node:
    """Once an evaluation's budget of steps is spent no further text matches."""

    def match(value: Any, scope: Scope | None) -> bool:
        assert scope is not None
        if type(value) is not str:
            return False
        scope.regex_steps -= steps_per_character * len(value)
        return scope.regex_steps >= 0 and search(value)

    return match
