"""The filter rule: which parts of a request a filter looks at, and whether all of them match.

The language inside a part is schema.py; storing a filter and saying what happens to a filtered branch are elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connections.rules.fields import unknown_field
from connections.rules.filter.nodes import Node
from connections.rules.filter.pattern import MAX_STEPS
from connections.rules.filter.reference import Scope
from connections.rules.filter.schema import Draft, compile_schema
from connections.rules.payload import RuleInput
from fasthook.lib.errors import InvalidInput, invalid

TARGETS: Final = ("headers", "body", "query", "path")


@dataclass(frozen=True, slots=True)
class FilterResult:
    """`failed_targets` are those of headers, body, query, path that did not match, in that order."""

    matched: bool
    failed_targets: tuple[str, ...]


_MATCHED: Final = FilterResult(True, ())


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter; evaluate it as often as wanted, from any thread."""

    _targets: tuple[tuple[str, Node, bool], ...]

    def evaluate(self, source: RuleInput) -> FilterResult:
        """Never raises, whatever the request holds."""
        failed: tuple[str, ...] = ()
        for name, matches, needs_scope in self._targets:
            value = getattr(source, name)
            scope = Scope(source, value, regex_steps=MAX_STEPS) if needs_scope else None
            if not matches(value, scope):
                failed = (*failed, name)
        return FilterResult(False, failed) if failed else _MATCHED


def compile_filter(schema: Mapping[str, Any], *, at: str = "filter") -> Filter:
    """Compile `{headers?, body?, query?, path?}`, at least one of them; one given as null is taken as not given.

    Raises InvalidInput with every fault found (one for each target) under its path, such as `filter.body.amount.$gt`.
    """
    if not isinstance(schema, Mapping):
        raise invalid(at, "must be an object with headers, body, query or path")
    faults: dict[str, list[str]] = {}
    compiled: list[tuple[str, Node, bool]] = []
    for key in schema:
        if key not in TARGETS:
            faults.update(unknown_field(key, TARGETS, at=at).fields)
    for target in TARGETS:
        if schema.get(target) is None:
            continue
        try:
            compiled.append(_compile_target(target, schema[target], at=f"{at}.{target}"))
        except InvalidInput as error:
            faults.update(error.fields)
    if not compiled and not faults:
        raise invalid(at, "must have at least one of headers, body, query, path")
    if faults:
        raise InvalidInput("; ".join(f"{path}: {fault[0]}" for path, fault in faults.items()), fields=faults)
    return Filter(tuple(compiled))


def _compile_target(target: str, schema: Any, *, at: str) -> tuple[str, Node, bool]:
    if target in ("headers", "query") and not isinstance(schema, Mapping):
        raise invalid(at, f'must be an object such as {{"name": "value"}}; {target} is one')
    if target == "path" and not isinstance(schema, str | Mapping | list):
        raise invalid(at, 'must be a string or an operator such as {"$starts_with": "/stripe"}')
    draft = Draft(target)
    matches = compile_schema(schema, draft, at=at, root=True)
    return target, matches, draft.needs_scope
