"""Texts with `{{body.id}}` and the like in them, compiled once and filled in for each answer.

A value is written so that it cannot leave its place: escaped for JSON and XML, without line breaks in a header. What is
missing, or larger than 16 KiB, is empty (null where JSON wants a value).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

import orjson

from fasthook.lib.errors import invalid
from sources.verification.custom_response.values import MISSING, ResponseValues, Steps, read_steps

MAX_PLACEHOLDERS: Final = 64
MAX_VALUE_CHARACTERS: Final = 16 * 1024
MAX_HEADER_VALUE_CHARACTERS: Final = 1024

Write = Callable[[Any], str]

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
# XML 1.0, 2.2: characters that no document may have, escaped or not.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_HEADER: Final = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Template:
    """`parts`: text as it is, or where a value goes and how it is written."""

    parts: tuple[str | tuple[Steps, Write], ...]

    @property
    def is_fixed(self) -> bool:
        return all(isinstance(part, str) for part in self.parts)

    def fill(self, values: ResponseValues) -> str:
        return "".join(part if isinstance(part, str) else part[1](values.find(part[0])) for part in self.parts)


def compile_template(text: str, content_type: str, *, at: str) -> Template:
    """content_type: json, text, xml, or header. InvalidInput naming `at`."""
    parts: list[str | tuple[Steps, Write]] = []
    end = placeholders = 0
    in_string = _StringTracker()
    for match in _PLACEHOLDER.finditer(text):
        before = text[end : match.start()]
        steps = read_steps(match[1], at=at)
        write = _WRITERS[content_type]
        if content_type == "json":
            write = _in_json_string if in_string.after(before) else _as_json
        parts += [before, (steps, write)] if before else [(steps, write)]
        end = match.end()
        placeholders += 1
    if placeholders > MAX_PLACEHOLDERS:
        raise invalid(at, f"must have at most {MAX_PLACEHOLDERS} placeholders")
    if end < len(text):
        parts.append(text[end:])
    if content_type == "json":
        _check_json(parts, at=at)
    return Template(tuple(parts))


class _StringTracker:
    """Whether the JSON that went by so far ended inside of a string."""

    def __init__(self) -> None:
        self._inside = False
        self._escaped = False

    def after(self, text: str) -> bool:
        for char in text:
            if self._escaped:
                self._escaped = False
            elif char == "\\" and self._inside:
                self._escaped = True
            elif char == '"':
                self._inside = not self._inside
        return self._inside


def _check_json(parts: list[str | tuple[Steps, Write]], *, at: str) -> None:
    sample = "".join(part if isinstance(part, str) else part[1](MISSING) for part in parts)
    try:
        json.loads(sample, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise invalid(at, f"must be valid JSON when content_type is json: {fault}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text_of(value: Any) -> str:
    """A value as text: strings as they are, anything else as JSON; empty when it is missing or too large."""
    if value is MISSING or value is None:
        return ""
    text = value if isinstance(value, str) else _dumped(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else ""


def _as_json(value: Any) -> str:
    if value is MISSING:
        return "null"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _dumped(value)
    return text if 0 < len(text) <= MAX_VALUE_CHARACTERS else "null"


def _dumped(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than it can be written
        return ""


def _in_json_string(value: Any) -> str:
    return json.dumps(_text_of(value), ensure_ascii=False)[1:-1]


def _in_xml(value: Any) -> str:
    return escape(_NOT_XML.sub("", _text_of(value)), {'"': "&quot;", "'": "&apos;"})


def _in_header(value: Any) -> str:
    return _NOT_IN_HEADER.sub("", _text_of(value))[:MAX_HEADER_VALUE_CHARACTERS]


_WRITERS: Final[dict[str, Write]] = {"json": _as_json, "text": _text_of, "xml": _in_xml, "header": _in_header}
