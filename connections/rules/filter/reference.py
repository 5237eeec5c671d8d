"""`$ref` in filters: one value of the request compared with another value of the same request.

A path starts in the target the filter looks at (`created_at` in a body filter); a path beginning with `body.`,
`headers.` or `query.` that the target itself does not have is read from the whole request. `[$index]` is the position
in the array being searched, the n-th one that of the n-th enclosing array.
"""

from __future__ import annotations

from typing import Any

from connections.rules.filter.operators import Operator
from connections.rules.filter.values import MISSING, Predicate
from connections.rules.paths import ROOTS, Segments, Step, literal_first, parse_segments, walk
from connections.rules.payload import RuleInput
from fasthook.lib.errors import invalid


class Scope:
    """What one evaluation carries besides the value: where it started, its array positions, its regex budget."""

    __slots__ = ("_built", "indexes", "regex_steps", "request", "target")

    def __init__(self, request: RuleInput, target: Any, *, regex_steps: int) -> None:
        self.request = request
        self.target = target
        self.indexes: list[int] = []
        self.regex_steps = regex_steps
        self._built: dict[tuple[int, int], Predicate] = {}

    def predicate(self, operator: Operator, found: Any) -> Predicate | None:
        """The operator's test with a referred operand; a list is prepared once for all the values it is tested on."""
        key = (id(operator), id(found))
        if key in self._built:
            return self._built[key]
        operand = operator.referred(found) if operator.referred else MISSING
        if operand is MISSING:
            return None
        test = operator.build(operand)
        if isinstance(found, list):
            self._built[key] = test
        return test


class Reference:
    """A compiled `$ref`."""

    __slots__ = ("_in_request", "_segments", "per_element")

    def __init__(self, path: Any, *, at: str, target: str) -> None:
        if not isinstance(path, str):
            raise invalid(at, "must be a path such as created_at or items[$index].id")
        segments = parse_segments(path, at=at, current=True)
        self._in_request = _request_path(segments)
        if target == "headers" and isinstance(segments[0], str):
            segments = (segments[0].lower(), *segments[1:])
        self._segments = segments
        self.per_element = Step.CURRENT in segments

    def resolve(self, scope: Scope) -> Any:
        found = walk(scope.target, literal_first(scope.target, self._segments), scope.indexes)
        if found is MISSING and self._in_request is not None:
            root, segments = self._in_request
            container = getattr(scope.request, root)
            return walk(container, literal_first(container, segments), scope.indexes)
        return found


def _request_path(segments: Segments) -> tuple[str, Segments] | None:
    root, rest = segments[0], segments[1:]
    if root not in ROOTS or not rest or root in ("path", "method"):
        return None
    if root == "headers" and isinstance(rest[0], str):
        rest = (rest[0].lower(), *rest[1:])
    return str(root), rest
