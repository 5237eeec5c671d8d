"""Field paths such as `body.items[*].id`: their syntax, reading one from a request, and leaving one out.

Which rule uses a path, and for what, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

import orjson

from connections.rules.filter.values import MISSING
from connections.rules.payload import RuleInput
from fasthook.lib.errors import invalid

MAX_PATH_LENGTH: Final = 512
MAX_SEGMENTS: Final = 32
ROOTS: Final = ("body", "headers", "query", "path", "method")

_TOKEN = re.compile(
    r"""(?P<key>[^.\[\]\x00]+)
    | \[(?:(?P<index>\d{1,9}) | (?P<each>\*) | (?P<current>\$index)
        | (?P<quoted>"(?:[^"\\\x00]|\\.)+") | '(?P<single>[^'\x00]+)' )\]""",
    re.VERBOSE | re.ASCII,
)


class Step(Enum):
    """The steps of a path that are neither a key nor a fixed index."""

    EACH = "[*]"
    CURRENT = "[$index]"


Segment: TypeAlias = str | int | Step
Segments: TypeAlias = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A parsed path: the part of the request it starts in, and the steps from there."""

    root: str
    segments: Segments

    def read(self, source: RuleInput) -> Any:
        """The value, a list of values for a path with `[*]`, or MISSING. Null is a value."""
        value = getattr(source, self.root)
        return walk(value, self.steps_in(value))

    def steps_in(self, root_value: Any) -> Segments:
        """The steps to follow in this request's root value."""
        return literal_first(root_value, self.segments) if self.root == "query" else self.segments


def parse_segments(text: str, *, at: str, current: bool = False) -> Segments:
    """The steps of a path without its root. `[$index]` is legal only with `current`, `[*]` only without."""
    if not text or len(text) > MAX_PATH_LENGTH:
        raise invalid(at, f"must be a path of 1 to {MAX_PATH_LENGTH} characters, such as body.id")
    segments: list[Segment] = []
    position = 0
    while position < len(text):
        if segments and text[position] == ".":
            position += 1
        elif segments and text[position] != "[":
            raise _malformed(text, at)
        token = _TOKEN.match(text, position)
        if token is None or (position and text[position - 1] == "." and token["key"] is None):
            raise _malformed(text, at)
        segments.append(_segment(token, text, at=at))
        position = token.end()
    if text.endswith("."):
        raise _malformed(text, at)
    if len(segments) > MAX_SEGMENTS:
        raise invalid(at, f"must have at most {MAX_SEGMENTS} steps")
    refused = Step.EACH if current else Step.CURRENT
    if refused in segments:
        raise invalid(at, f"{refused.value} cannot be used here")
    return tuple(segments)


def _segment(token: re.Match[str], text: str, *, at: str) -> Segment:
    if token["key"] is not None:
        return token["key"]
    if token["index"] is not None:
        return int(token["index"])
    if token["each"] is not None:
        return Step.EACH
    if token["current"] is not None:
        return Step.CURRENT
    if token["single"] is not None:
        return token["single"]
    try:
        key = str(orjson.loads(token["quoted"]))
    except orjson.JSONDecodeError as error:
        raise _malformed(text, at) from error
    if "\x00" in key:
        raise _malformed(text, at)
    return key


def _malformed(text: str, at: str) -> Exception:
    return invalid(at, f'{text!r} is not a path; write body.id, headers.x-id, body.items[0].id or body["a.b"]')


def parse_path(text: str, *, at: str = "path") -> FieldPath:
    """Raises InvalidInput naming `at` for anything that is not a field path."""
    if not isinstance(text, str):
        raise invalid(at, "must be a string such as body.id")
    root, *rest = parse_segments(text, at=at)
    if root not in ROOTS:
        raise invalid(at, f"{text!r} must start with one of {', '.join(ROOTS)}")
    if rest and root in ("path", "method"):
        raise invalid(at, f"{root} is text and has no fields")
    if rest and root == "headers":
        if not all(isinstance(segment, str) for segment in rest):
            raise invalid(at, "a header is text and has no fields; write headers.x-id")
        rest = [".".join(str(segment) for segment in rest).lower()]
    return FieldPath(str(root), tuple(rest))


def compile_path(text: str, *, at: str = "path") -> Callable[[RuleInput], Any]:
    """A reader for one path: the value, or MISSING. Raises InvalidInput naming `at` for bad syntax."""
    return parse_path(text, at=at).read


def literal_first(container: Any, segments: Segments) -> Segments:
    """A query key may itself hold dots (`filter.name=x`): such a key is preferred to nesting when it is there."""
    if len(segments) > 1 and type(container) is dict and all(isinstance(segment, str) for segment in segments):
        joined = ".".join(str(segment) for segment in segments)
        if joined in container:
            return (joined,)
    return segments


def walk(value: Any, segments: Segments, indexes: Sequence[int] = ()) -> Any:
    """Follow the steps. `items.0` reads an array like `items[0]`; the n-th `[$index]` is the n-th of `indexes`."""
    current = 0
    for position, segment in enumerate(segments):
        if segment is Step.EACH:
            return _walk_each(value, segments[position + 1 :])
        if segment is Step.CURRENT:
            if current >= len(indexes):
                return MISSING
            segment = indexes[current]
            current += 1
        value = step(value, segment)
        if value is MISSING:
            return MISSING
    return value


def step(value: Any, segment: str | int | Step) -> Any:
    kind = type(value)
    if kind is dict:
        return value.get(segment if isinstance(segment, str) else str(segment), MISSING)
    if kind is list:
        index = list_index(segment)
        return value[index] if index is not None and index < len(value) else MISSING
    return MISSING


def list_index(segment: Segment) -> int | None:
    if isinstance(segment, int):
        return segment
    if isinstance(segment, str) and len(segment) < 10 and segment.isascii() and segment.isdecimal():
        return int(segment)
    return None


def _walk_each(value: Any, rest: Segments) -> Any:
    """Elements without the field are left out; none at all is MISSING, as for any other path."""
    if type(value) is not list:
        return MISSING
    found = [item for item in (walk(element, rest) for element in value) if item is not MISSING]
    return found or MISSING


def without(value: Any, segments: Segments) -> Any:
    """The value with what the path leads to left out; copies only the containers on the way. MISSING if all of it."""
    if not segments:
        return MISSING
    head, rest = segments[0], segments[1:]
    if head is Step.EACH:
        if type(value) is not list:
            return value
        kept = (without(element, rest) for element in value)
        return [element for element in kept if element is not MISSING]
    child = step(value, head)
    if child is MISSING:
        return value
    smaller = without(child, rest)
    if type(value) is dict:
        key = head if isinstance(head, str) else str(head)
        if smaller is MISSING:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: smaller}
    index = list_index(head)
    if index is None:
        return value
    return [*value[:index], *([] if smaller is MISSING else [smaller]), *value[index + 1 :]]
