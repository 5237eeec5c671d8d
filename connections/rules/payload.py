"""The view of a request that rules read, and how raw bytes become it.

Storage, limits and the raw bytes themselves belong to the caller; nothing here raises on what a sender sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

# Well above any real query string (the ingress bounds its length first); keeps one request from making a million keys.
MAX_QUERY_FIELDS: Final = 1000


@dataclass(frozen=True, slots=True)
class RuleInput:
    """One request as rules see it, before or after a transformation.

    `headers` has lower-case names; `query` is what `parse_query` gives; `body` is the parsed JSON value, else text,
    None when there was none.
    """

    method: str
    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    body: Any


def parse_query(raw: str) -> dict[str, Any]:
    """`a=1&b=2&b=3` -> {"a": "1", "b": ["2", "3"]}. Values stay text, blank ones too; a leading `?` is fine."""
    parsed: dict[str, Any] = {}
    for name, value in parse_qsl(raw.removeprefix("?"), keep_blank_values=True)[:MAX_QUERY_FIELDS]:
        if name not in parsed:
            parsed[name] = value
        elif isinstance(parsed[name], list):
            parsed[name].append(value)
        else:
            parsed[name] = [parsed[name], value]
    return parsed


def parse_body(raw: bytes | None) -> Any:
    """The JSON value, else the text with undecodable bytes replaced, else None for an empty body. Never raises."""
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", "replace")
