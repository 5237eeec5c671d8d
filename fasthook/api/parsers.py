"""JSON parsers: one bounded object, with what could not be stored refused and its place named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from fasthook.lib.errors import FastHookError, MalformedInput, invalid

MAX_DEPTH = 64
MAX_SOURCE_TEXT_BYTES = 10_000_000
# Of a field's name in an error.
MAX_SHOWN_NAME = 100
_FIRST_NAME = re.compile(r"[.\[]")


class PayloadTooLarge(FastHookError):
    status = 413
    code = "PAYLOAD_TOO_LARGE"


class JSONParser(BaseParser):
    """A body that is one JSON object, at most MAX_API_BODY_BYTES long and MAX_DEPTH deep, without NUL characters."""

    media_type = "application/json"

    def limit_bytes(self) -> int:
        return settings.MAX_API_BODY_BYTES

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        value = self.decode(_read_bounded(stream, self.limit_bytes()))
        if not isinstance(value, dict):
            raise invalid("body", "must be a JSON object")
        _refuse_unstorable(value)
        return value

    def decode(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as fault:
            raise MalformedInput(
                f"the body is not JSON: {fault.msg} at line {fault.lineno} column {fault.colno}",
                code="MALFORMED_JSON",
                data={"position": fault.pos, "line": fault.lineno, "column": fault.colno},
            ) from None


class LargeJSONParser(JSONParser):
    """For bodies that carry a source text: twice the largest one, since JSON writes line breaks and quotes longer."""

    def limit_bytes(self) -> int:
        return max(settings.MAX_API_BODY_BYTES, MAX_SOURCE_TEXT_BYTES)


def _read_bounded(stream: Any, limit: int) -> bytes:
    try:
        body: bytes = stream.read(limit + 1)
    except RequestDataTooBig:
        body = b"\0" * (limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"the body is larger than {limit} bytes")
    return body


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands. Written out only for a fault: a long name would be copied for every value below it."""

    item: Any
    depth: int = 0
    parent: _Place | None = None
    step: str | int = ""

    def path(self) -> str:
        steps: list[str] = []
        place: _Place | None = self
        while place is not None and place.parent is not None:
            steps.append(f"[{place.step}]" if isinstance(place.step, int) else f".{place.step[:MAX_SHOWN_NAME]}")
            place = place.parent
        return "".join(reversed(steps)).removeprefix(".")


def _refuse_unstorable(value: Any) -> None:
    """Postgres text holds no NUL, and code that walks a value may recurse: both are refused, naming the place."""
    waiting = [_Place(value)]
    while waiting:
        place = waiting.pop()
        if isinstance(place.item, str):
            raise invalid(place.path(), "must not contain NUL characters")
        if place.depth >= MAX_DEPTH:
            raise invalid(_FIRST_NAME.split(place.path())[0], f"is nested deeper than {MAX_DEPTH} levels")
        waiting.extend(_children(place))


def _children(place: _Place) -> Iterator[_Place]:
    """Those that may be at fault."""
    if isinstance(place.item, list):
        steps: Iterable[tuple[str | int, Any]] = enumerate(place.item)
    else:
        steps = place.item.items()
        if any("\0" in name for name in place.item):
            raise invalid(place.path() or "body", "must not contain NUL characters in the name of a field")
    for step, item in steps:
        if isinstance(item, dict | list) or (isinstance(item, str) and "\0" in item):
            yield _Place(item, place.depth + 1, place, step)
