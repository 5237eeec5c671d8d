"""A payload as JSON: the `data` of requests, events and runs of transformations."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from connections.rules.payload import parse_query
from events.storage.payloads import Payload
from fasthook.lib.headers import merge_headers


def data_answer(payload: Payload | None) -> dict[str, Any] | None:
    """`data` of requests and events: None when the evidence is gone.

    `body` is the JSON value, else text, else base64 (`body_encoding`); null when empty or never stored. A body that was
    cut for a list has `body_truncated`, and is never JSON.
    """
    if payload is None:
        return None
    body, encoding = body_answer(payload.body, truncated=payload.truncated)
    return {
        "method": payload.method,
        "path": payload.path,
        "query": payload.query,
        "parsed_query": parse_query(payload.query),
        "headers": merge_headers(payload.headers),
        "body": body,
        "body_encoding": encoding,
        "body_size": payload.body_size,
        "body_truncated": payload.truncated,
    }


def body_answer(body: bytes | None, *, truncated: bool) -> tuple[Any, str]:
    """The body and how it is encoded: `json`, `text` or `base64`."""
    if not body:
        return None, "text"
    if not truncated and _is_json(body):
        # As it came: parsing and writing it again would round long numbers and drop repeated keys.
        return orjson.Fragment(body), "json"
    try:
        return body.decode(), "text"
    except UnicodeDecodeError as fault:
        # A cut may fall inside a character of up to four bytes.
        if truncated and len(body) - fault.start < 4 and fault.reason == "unexpected end of data":
            return body[: fault.start].decode(), "text"
    return base64.b64encode(body).decode(), "base64"


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
