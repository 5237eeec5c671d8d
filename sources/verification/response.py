"""The fixed answer a source gives to accepted requests instead of FastHook's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from fasthook.lib.config_fields import ObjectReader, read_choice
from fasthook.lib.errors import invalid

MAX_BODY_BYTES: Final = 64 * 1024

CONTENT_TYPES: Final = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticResponse:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def normalise_custom_response(value: object, *, at: str = "config.custom_response") -> dict[str, Any] | None:
    """The stored form {content_type: json|text|xml, body: str}, or None when there is none.

    A json body may be given as text, which must be valid JSON and is kept as written, or as any other JSON value, which
    is serialised. Raises InvalidInput naming the field; the body is limited to 64 KiB of UTF-8.
    """
    if value is None:
        return None
    fields = ObjectReader(value, at=at, known=("content_type", "body"))
    content_type = read_choice(fields.require("content_type"), CONTENT_TYPES, at=fields.at("content_type"))
    body = fields.require("body")
    text = _read_json(body, at=fields.at("body")) if content_type == "json" else body
    if not isinstance(text, str):
        raise invalid(fields.at("body"), f"must be a string when content_type is {content_type}")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise invalid(fields.at("body"), "must be valid Unicode text") from None
    if "\x00" in text:
        raise invalid(fields.at("body"), "must not contain NUL characters")
    if size_bytes > MAX_BODY_BYTES:
        raise invalid(fields.at("body"), f"must be at most {MAX_BODY_BYTES} bytes long, is {size_bytes}")
    return {"content_type": content_type, "body": text}


def compile_custom_response(value: Mapping[str, Any]) -> StaticResponse:
    """The answer for what `normalise_custom_response` returned: status 200 with its content type."""
    return StaticResponse(
        status=200,
        headers=(("content-type", CONTENT_TYPES[value["content_type"]]),),
        body=value["body"].encode(),
    )


def _read_json(body: object, *, at: str) -> str:
    if not isinstance(body, str):
        try:
            return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):
            raise invalid(at, "must be a JSON value") from None
    try:
        json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise invalid(at, f"must be valid JSON when content_type is json: {fault}") from None
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
