"""The answer of a run: the fields that changed, and whether the result is a request that can be delivered.

The child is not trusted, so nothing is taken for granted here. What each field may be is documented in docs/api.md.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from connections.sandbox.jobs import ErrorKind, Limits, Message
from fasthook.lib.config_fields import is_token

JSON_TYPE: Final = "application/json"

_METHOD = re.compile(r"[A-Z][A-Z-]{0,19}")
_NOT_METHODS: Final = frozenset({"CONNECT", "TRACE"})
# RFC 3986: what may stand in a path or a query as it is, the percent sign included.
_URL_CHARACTERS: Final = "%/:@!$&'()*+,;=-._~"
# RFC 9110, 5.5: line breaks and other control characters end or break a header.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_JSON_TYPE = re.compile(r"\s*[\w.!#$&^-]+/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
# Describe the bytes of the body that came in; a new body is neither so long nor so encoded.
_BODY_HEADERS: Final = frozenset({"content-length", "content-encoding", "content-md5", "content-digest", "digest"})
_BODIES: Final = {b"u": "unchanged", b"n": "null", b"j": "json", b"t": "text", b"b": "base64"}


class Faulty(Exception):
    """The run failed, or returned what cannot be delivered."""

    def __init__(self, kind: ErrorKind, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        # It may quote what the run made, and Postgres keeps no NUL in text.
        self.message = message.replace("\x00", "\ufffd")
        self.line = line
        self.column = column


def read_answer(answer: bytes, request: Message, limits: Limits, *, shown: Mapping[str, Any]) -> Message | None:
    """The request as the run made it; None when it is as it was. `shown` is how the run was given it. Raises Faulty."""
    if answer[:1] == b"E":
        raise _reported(answer[1:])
    fields, _, body = answer[2:].partition(b"\n")
    kind = _BODIES.get(answer[1:2])
    if answer[:1] != b"S" or kind is None:
        raise Faulty(ErrorKind.CRASHED, "the run gave an answer that cannot be read")
    values = _loads(fields, "headers, query, path or method")
    if not isinstance(values, list) or len(values) not in (0, 5):
        raise Faulty(ErrorKind.CRASHED, "the run gave an answer that cannot be read")
    headers, query, parsed_query, path, method = values or [None] * 5
    new_body = _read_body(kind, body, request, limits)
    result = Message(
        method=request.method if method is None else _read_method(method, request),
        path=request.path if path is None else _read_path(path, request),
        query=_read_query(query, parsed_query, request, shown["parsed_query"]),
        headers=_read_headers(headers, request, limits, merged=shown["headers"], body_kind=kind),
        body=new_body,
    )
    return None if result == request else result


def _reported(report: bytes) -> Faulty:
    try:
        fault = orjson.loads(report)
        kind, message = ErrorKind(fault["kind"]), str(fault["message"])
        line, column = fault.get("line"), fault.get("column")
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return Faulty(ErrorKind.CRASHED, "the run gave an answer that cannot be read")
    if not isinstance(line, int) or not isinstance(column, int):
        line = column = None
    return Faulty(kind, message, line=line, column=column)


def _loads(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _invalid(f"{what} must be valid Unicode text, without half of a surrogate pair") from None


def _invalid(message: str) -> Faulty:
    return Faulty(ErrorKind.INVALID_RESULT, message)


def _read_body(kind: str, text: bytes, request: Message, limits: Limits) -> bytes:
    if kind == "unchanged":
        return request.body
    body = b"" if kind == "null" else text
    if kind in ("text", "base64"):
        value = _loads(text, "body")
        if not isinstance(value, str):
            raise Faulty(ErrorKind.CRASHED, "the run gave an answer that cannot be read")
        body = value.encode() if kind == "text" else _from_base64(value)
    if len(body) > limits.body_bytes:
        raise Faulty(ErrorKind.OUTPUT_LIMIT, f"body is {len(body)} bytes long, more than {limits.body_bytes}")
    return body


def _from_base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(
            "body is not base64, as body_encoding says; for text set request.body_encoding to null"
        ) from None


def _read_method(method: Any, request: Message) -> str:
    if method == request.method:
        return request.method
    upper = method.upper() if isinstance(method, str) else ""
    if not _METHOD.fullmatch(upper) or upper in _NOT_METHODS:
        raise _invalid("method must be an HTTP method such as POST")
    return upper


def _read_path(path: Any, request: Message) -> str:
    if path == (request.path or "/"):
        return request.path
    if not isinstance(path, str) or not path.startswith("/"):
        raise _invalid("path must be text that begins with a slash")
    if "?" in path or "#" in path or _CONTROL.search(path):
        raise _invalid("path must be a path alone, without ?, # or control characters; a query goes into query")
    return quote(path, safe=_URL_CHARACTERS)


def _read_query(query: Any, parsed_query: Any, request: Message, parsed_before: Mapping[str, Any]) -> str:
    """`query` when it was changed, else what `parsed_query` says when that was changed."""
    if query is not None and query != request.query:
        if not isinstance(query, str) or _CONTROL.search(query) or "#" in query:
            raise _invalid("query must be text such as a=1&b=2")
        return quote(query.removeprefix("?"), safe=_URL_CHARACTERS + "?[]")
    if parsed_query is None or parsed_query == parsed_before:
        return request.query
    if not isinstance(parsed_query, Mapping):
        raise _invalid("parsed_query must be an object")
    return urlencode(
        [
            (name, _scalar(each, f"parsed_query.{name}"))
            for name, value in parsed_query.items()
            for each in (value if isinstance(value, list) else [value])
            if each is not None
        ]
    )


def _read_headers(
    headers: Any, request: Message, limits: Limits, *, merged: Mapping[str, str], body_kind: str
) -> Sequence[Sequence[str]]:
    if headers is None or headers == merged:
        wanted: Mapping[str, str] = merged
    elif isinstance(headers, Mapping):
        wanted = _clean_headers(headers, merged)
    else:
        raise _invalid("headers must be an object")
    if body_kind != "unchanged":
        # What the transformation set itself, it meant.
        wanted = {name: value for name, value in wanted.items() if not _is_stale(name, value, merged, body_kind)}
    if body_kind == "json" and not _JSON_TYPE.match(wanted.get("content-type", "")):
        wanted = {**wanted, "content-type": JSON_TYPE}
    if wanted == merged:
        return request.headers
    if sum(len(name) + len(value) for name, value in wanted.items()) > limits.header_bytes:
        raise Faulty(ErrorKind.OUTPUT_LIMIT, f"headers are longer than {limits.header_bytes} bytes together")
    return _as_pairs(wanted, merged, request.headers)


def _is_stale(name: str, value: str, merged: Mapping[str, str], body_kind: str) -> bool:
    if name == "content-encoding" and body_kind == "base64":
        return False
    return name in _BODY_HEADERS and merged.get(name) == value


def _clean_headers(headers: Mapping[str, Any], merged: Mapping[str, str]) -> dict[str, str]:
    """Names in lower case; where two differ in case only, the later one is meant. Null removes."""
    clean: dict[str, str] = {}
    for spelled, value in headers.items():
        if value is not None and merged.get(spelled) == value:
            clean[spelled] = value
            continue
        name = spelled.lower()
        if not is_token(name):
            raise _invalid(f"headers.{spelled[:100]} is not a header name")
        clean.pop(name, None)
        if value is None:
            continue
        text = _scalar(value, f"headers.{name}")
        if _CONTROL.search(text):
            raise _invalid(f"headers.{name} must not contain line breaks or other control characters")
        clean[name] = text
    return clean


def _scalar(value: Any, at: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return orjson.dumps(value).decode()
    raise _invalid(f"{at} must be text, a number or a boolean; null removes it")


def _as_pairs(
    wanted: Mapping[str, str], merged: Mapping[str, str], pairs: Sequence[Sequence[str]]
) -> list[tuple[str, str]]:
    """Names that keep their value keep their pairs, repeats and all; the others follow in the order they were set."""
    kept = [(name, value) for name, value in pairs if name in wanted and wanted[name] == merged[name]]
    return kept + [(name, value) for name, value in wanted.items() if merged.get(name) != value]
