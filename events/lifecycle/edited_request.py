"""A stored request with what an operator changed of it: read strictly, and consistent in itself again.

Pure. What is given replaces what was stored; what is missing, or came back as an answer showed it, stays byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from connections.rules.payload import parse_query
from connections.sandbox.jobs import Message
from fasthook.lib.config_fields import is_token
from fasthook.lib.errors import InvalidInput, invalid
from fasthook.lib.headers import merge_headers
from sources.methods import METHODS

# RFC 3986: what may stand in a path or a query as it is, the percent sign included.
_URL_CHARACTERS: Final = "%/:@!$&'()*+,;=-._~"
# RFC 9110, 5.5: line breaks and other control characters end or break a header.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_JSON_TYPE: Final = re.compile(r"\s*[\w.!#$&^-]+/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
# Describe the bytes that came in; another body is neither so long nor so encoded, and has no such digest.
_OF_BODY: Final = frozenset({"content-encoding", "content-md5", "content-digest", "digest"})

Headers = list[tuple[str, str]]


class BodyTooLarge(InvalidInput):
    status = 413
    code = "PAYLOAD_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """As at ingress."""

    body_bytes: int
    header_bytes: int


def edit_request(stored: Message, given: Mapping[str, Any], limits: RequestLimits) -> Message:
    """`given` has any of `method`, `path`, `query`, `parsed_query`, `headers`, `body`, `body_encoding`.

    InvalidInput names the field; BodyTooLarge.
    """
    body, kind = _read_body(stored.body, given)
    if len(body) > limits.body_bytes:
        raise BodyTooLarge(
            f"body: is {len(body)} bytes long; sources of this installation take {limits.body_bytes}",
            fields={"body": [f"must be at most {limits.body_bytes} bytes long"]},
        )
    headers = _read_headers(stored.headers, given.get("headers"), body=body, kind=kind, limits=limits)
    result = Message(
        method=_read_method(given["method"]) if "method" in given else stored.method,
        path=_read_path(stored.path, given["path"], limits) if "path" in given else stored.path,
        query=_read_query(stored.query, given, limits),
        headers=headers,
        body=body,
    )
    return stored if result == stored else result


def _read_method(method: str) -> str:
    if method.upper() not in METHODS:
        raise invalid("method", f"must be one of {', '.join(METHODS)}")
    return method.upper()


def _read_path(stored: str, path: str, limits: RequestLimits) -> str:
    if path == stored or (path == "/" and not stored):
        return stored
    if path and not path.startswith("/"):
        raise invalid("path", "must begin with a slash: it is what follows the source's URL")
    if "?" in path or "#" in path or _CONTROL.search(path):
        raise invalid("path", "must be a path alone, without ?, # or control characters; a query goes into query")
    return _bounded("path", quote(path, safe=_URL_CHARACTERS), limits)


def _read_query(stored: str, given: Mapping[str, Any], limits: RequestLimits) -> str:
    """`query` when it differs from what is stored, else `parsed_query` when that does."""
    query, parsed = given.get("query"), given.get("parsed_query")
    if query is not None and query != stored:
        if _CONTROL.search(query) or "#" in query:
            raise invalid("query", "must be text such as a=1&b=2")
        return _bounded("query", quote(query.removeprefix("?"), safe=_URL_CHARACTERS + "?[]"), limits)
    if parsed is None or parsed == parse_query(stored):
        return stored
    pairs = []
    for name, value in parsed.items():
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            raise invalid(f"parsed_query.{name}", "must be a string or a list of strings")
        pairs += [(name, text) for text in texts]
    return _bounded("parsed_query", urlencode(pairs), limits)


def _bounded(field: str, text: str, limits: RequestLimits) -> str:
    if len(text) > limits.header_bytes:
        raise invalid(field, f"must be at most {limits.header_bytes} bytes long")
    return text


def _read_body(stored: bytes, given: Mapping[str, Any]) -> tuple[bytes, str]:
    """The bytes, and whether they are `json`, `text`, `base64` or `stored`. Null is no body."""
    if "body" not in given:
        return stored, "stored"
    body, encoding = given["body"], given.get("body_encoding")
    if body is None:
        return b"", "text" if stored else "stored"
    if encoding == "base64":
        kind, read = "base64", _from_base64(body)
    elif isinstance(body, str) and encoding != "json":
        kind, read = "text", body.encode()
    elif encoding == "text":
        raise invalid("body", "must be a string, as body_encoding says")
    else:
        kind, read = "json", orjson.dumps(body)
        if _canonical(stored) == read:
            return stored, "stored"
    return (stored, "stored") if read == stored else (read, kind)


def _canonical(body: bytes) -> bytes | None:
    try:
        return orjson.dumps(orjson.loads(body))
    except orjson.JSONDecodeError:
        return None


def _from_base64(body: Any) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise invalid("body", "is not base64, as body_encoding says") from None


def _read_headers(
    stored: Sequence[Sequence[str]], given: Mapping[str, Any] | None, *, body: bytes, kind: str, limits: RequestLimits
) -> Sequence[Sequence[str]]:
    merged = merge_headers(stored)
    wanted = merged if given is None else _clean(given)
    named = {name.lower() for name in given or ()}
    if "content-type" in merged and "content-type" not in named:
        wanted = {**wanted, "content-type": merged["content-type"]}
    if kind != "stored":
        meant = {name for name in named if wanted.get(name) != merged.get(name)}
        wanted = {name: value for name, value in wanted.items() if name not in _OF_BODY or name in meant}
        if "content-type" not in meant:
            wanted = _typed(wanted, body, kind=kind)
    if "content-length" in wanted or (kind != "stored" and "content-length" in merged):
        wanted = {**wanted, "content-length": str(len(body))}
    if wanted == merged:
        return stored
    if sum(len(name) + len(value) for name, value in wanted.items()) > limits.header_bytes:
        raise invalid("headers", f"must be at most {limits.header_bytes} bytes together")
    kept: Headers = [(name, value) for name, value in stored if wanted.get(name) == merged[name]]
    return kept + [(name, value) for name, value in wanted.items() if merged.get(name) != value]


def _typed(wanted: dict[str, str], body: bytes, *, kind: str) -> dict[str, str]:
    """With a content type that is true of the new body."""
    says_json = bool(_JSON_TYPE.match(wanted.get("content-type", "")))
    if kind == "json" and not says_json:
        return {**wanted, "content-type": "application/json"}
    if kind == "text" and says_json and body and _canonical(body) is None:
        return {**wanted, "content-type": "text/plain; charset=utf-8"}
    return wanted


def _clean(given: Mapping[str, Any]) -> dict[str, str]:
    """Names in lower case; null leaves a header out."""
    clean: dict[str, str] = {}
    for spelled, value in given.items():
        at = f"headers.{spelled[:100]}"
        if not is_token(spelled):
            raise invalid(at, "is not a header name")
        if value is None:
            continue
        if not isinstance(value, str):
            raise invalid(at, "must be a string, or null to leave the header out")
        if _CONTROL.search(value):
            raise invalid(at, "must not contain line breaks or other control characters")
        clean[spelled.lower()] = value
    return clean
