"""The named values of a request that custom responses speak of: body.<path>, headers.<name>, query.<name>, path,
method, request.id. The body is parsed only when one of its values is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import orjson

from fasthook.lib.errors import invalid
from sources.verification.request import InboundRequest

MAX_PATH_STEPS: Final = 16
KNOWN: Final = "body, body.<path>, headers.<name>, query.<name>, path, method, request.id"

# What a path leads to when there is nothing.
MISSING: Final = object()

Steps = tuple[str | int, ...]

_STEP: Final = re.compile(r"(?:^|\.)([^.\[\]\s]+)|\[([0-9]{1,6})\]")
_WHOLE: Final = {"path": ("path",), "method": ("method",), "request.id": ("request.id",), "body": ("body",)}


@dataclass(slots=True)
class ResponseValues:
    """One request's values."""

    request: InboundRequest
    request_id: str
    _body: Any = MISSING
    _query: dict[str, str] | None = None

    def find(self, steps: Steps) -> Any:
        """The value, or MISSING."""
        kind, rest = steps[0], steps[1:]
        if kind == "body":
            return _walk(self._parsed_body(), rest)
        if kind == "headers":
            return self.request.headers.get(str(rest[0]), MISSING)
        if kind == "query":
            return self._parsed_query().get(str(rest[0]), MISSING)
        if kind == "path":
            return unquote(self.request.path, errors="replace") or "/"
        return self.request.method if kind == "method" else self.request_id

    def _parsed_body(self) -> Any:
        if self._body is MISSING:
            try:
                self._body = orjson.loads(self.request.body)
            except orjson.JSONDecodeError:
                self._body = self.request.body.decode("utf-8", "replace")
        return self._body

    def _parsed_query(self) -> dict[str, str]:
        if self._query is None:
            try:
                pairs = parse_qsl(self.request.query, keep_blank_values=True, max_num_fields=1000)
            except ValueError:
                pairs = []
            self._query = dict(reversed(pairs))
        return self._query


def read_steps(text: str, *, at: str) -> Steps:
    """The steps of a path such as `body.items[0].id`. InvalidInput naming `at`."""
    if text in _WHOLE:
        return _WHOLE[text]
    kind, _, rest = text.partition(".")
    if kind in ("headers", "query") and rest:
        return kind, rest.lower() if kind == "headers" else rest
    if kind == "body" and rest:
        return ("body", *read_body_path(rest, at=at))
    raise invalid(at, f"{text or 'an empty name'} is not known; known are {KNOWN}")


def read_body_path(text: str, *, at: str) -> Steps:
    steps: list[str | int] = []
    end = 0
    for match in _STEP.finditer(text):
        if match.start() != end:
            break
        end = match.end()
        steps.append(match[1] if match[1] is not None else int(match[2]))
    if end != len(text) or not steps:
        raise invalid(at, f"{text} is not a path such as data.items[0].id")
    if len(steps) > MAX_PATH_STEPS:
        raise invalid(at, f"{text} has more than {MAX_PATH_STEPS} steps")
    return tuple(steps)


def _walk(value: Any, steps: Steps) -> Any:
    for step in steps:
        if isinstance(step, str):
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else MISSING
    return value
