"""The built-in receiver at /mock/: it answers 200 and echoes its request, or misbehaves as the query string says.

An ASGI application without Django and without storage; where it is mounted is decided in fasthook/asgi.py.

    status=503        answer with this status (200 to 599)
    delay_ms=200      wait before answering, up to 30 s
    fail_first=2      the first two calls for one x-fasthook-event-id fail (with `status`, else 503), later ones get 200
    body_bytes=5000   answer with this many bytes instead of the echo, up to 1 MiB
    reset=1           break the connection off instead of answering in full
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fasthook.lib.browsers.cookies import drop_product_cookies
from fasthook.lib.browsers.sandbox import sandboxed

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_DELAY_MS = 30_000
MAX_ANSWER_BYTES = 1024 * 1024
# Longer bodies are read to their end, but only this much is kept and echoed.
MAX_ECHO_BYTES = 64 * 1024
MAX_FAIL_FIRST = 1000
# How many events' calls are remembered; the least recently called is forgotten first.
REMEMBERED_EVENTS = 10_000

_CHUNK = b"x" * 65_536


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one call's query string asks for."""

    status: int | None
    delay_ms: int
    fail_first: int
    body_bytes: int | None
    reset: bool


class Calls:
    """How often each event called, for the most recent `capacity` of them."""

    def __init__(self, capacity: int = REMEMBERED_EVENTS) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._capacity = capacity

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, event_id: str) -> int:
        """Counts one call; the number of calls so far, this one included."""
        count = self._counts.pop(event_id, 0) + 1
        self._counts[event_id] = count
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        return count


_calls = Calls()


async def mock_application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise ValueError(f"the mock receiver speaks http, not {scope['type']}")
    send = sandboxed(send)
    kept, size = await _read_body(receive)
    query = scope.get("query_string", b"").decode("latin-1")
    try:
        behaviour = read_behaviour(query)
    except ValueError as fault:
        await _answer_json(send, 400, {"error": str(fault), "code": "MALFORMED_INPUT"})
        return
    if behaviour.delay_ms:
        await asyncio.sleep(behaviour.delay_ms / 1000)
    headers = _headers(scope)
    status = _status(behaviour, headers.get("x-fasthook-event-id") or f"{scope['path']}?{query}")
    if behaviour.reset:
        await _break_off(send, status)
    elif behaviour.body_bytes is not None:
        await _answer_bytes(send, status, behaviour.body_bytes)
    else:
        await _answer_json(send, status, _echo(scope, query=query, headers=headers, kept=kept, size=size))


def read_behaviour(query: str) -> Behaviour:
    """ValueError, in words for whoever wrote the URL, when a value is out of range. Unknown keys are just echoed."""
    params = dict(parse_qsl(query, keep_blank_values=True))
    status = _whole(params, "status", low=200, high=599)
    body_bytes = _whole(params, "body_bytes", low=0, high=MAX_ANSWER_BYTES)
    return Behaviour(
        status=status,
        delay_ms=_whole(params, "delay_ms", low=0, high=MAX_DELAY_MS) or 0,
        fail_first=_whole(params, "fail_first", low=0, high=MAX_FAIL_FIRST) or 0,
        body_bytes=body_bytes,
        reset=params.get("reset", "") in ("1", "true"),
    )


def _whole(params: Mapping[str, str], name: str, *, low: int, high: int) -> int | None:
    text = params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high):
        raise ValueError(f"{name} must be a whole number from {low} to {high}")
    return int(text)


def _status(behaviour: Behaviour, caller: str) -> int:
    if not behaviour.fail_first:
        return behaviour.status or 200
    return (behaviour.status or 503) if _calls.add(caller) <= behaviour.fail_first else 200


async def _read_body(receive: Receive) -> tuple[bytes, int]:
    """The first MAX_ECHO_BYTES of the body, and its whole size."""
    kept = bytearray()
    size = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        kept += chunk[: MAX_ECHO_BYTES - len(kept)]
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(kept), size


def _headers(scope: Scope) -> dict[str, str]:
    """Names in lower case; repeats joined with a comma (RFC 9110, 5.3). Without the cookies that no script may read."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope.get("headers", [])]
    joined: dict[str, str] = {}
    for name, value in drop_product_cookies(pairs):
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _echo(scope: Scope, *, query: str, headers: Mapping[str, str], kept: bytes, size: int) -> dict[str, Any]:
    path = scope.get("raw_path") or scope["path"].encode()
    return {
        "method": scope["method"],
        "path": path.partition(b"?")[0].decode("latin-1"),
        "query": query,
        "headers": dict(headers),
        "body": _parsed(kept) if size == len(kept) else kept.decode("utf-8", "replace"),
        "body_size": size,
    }


def _parsed(body: bytes) -> Any:
    """The body as JSON where it is JSON (RFC 8259: no NaN) of a sane depth, else as text."""
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
        json.dumps([parsed])
    except (ValueError, RecursionError):
        return text
    return parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


async def _answer_json(send: Send, status: int, content: Mapping[str, Any]) -> None:
    encoded = json.dumps(content).encode()
    await _start(send, status, content_type=b"application/json", size=len(encoded))
    await send({"type": "http.response.body", "body": b"" if status in (204, 304) else encoded})


async def _answer_bytes(send: Send, status: int, size: int) -> None:
    await _start(send, status, content_type=b"text/plain", size=size)
    if status in (204, 304):
        size = 0
    while size > len(_CHUNK):
        await send({"type": "http.response.body", "body": _CHUNK, "more_body": True})
        size -= len(_CHUNK)
    await send({"type": "http.response.body", "body": _CHUNK[:size]})


async def _break_off(send: Send, status: int) -> None:
    """ASGI cannot reset a connection: promise more than is sent and stop, so that the server closes it."""
    await _start(send, status, content_type=b"text/plain", size=1024)
    await send({"type": "http.response.body", "body": b"x", "more_body": True})


async def _start(send: Send, status: int, *, content_type: bytes, size: int) -> None:
    headers = [(b"content-type", content_type)]
    if status not in (204, 304):
        headers.append((b"content-length", str(size).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
