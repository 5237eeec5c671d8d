"""Responses of ingress, written to the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

from fasthook.lib.errors import envelope
from fasthook.metrics import registry
from sources.catalog import SourceEntry
from sources.verification.answer import Answer
from sources.verification.custom_response.response import CustomResponse
from sources.verification.request import InboundRequest
from sources.verification.verdict import Verdict

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal that leaves evidence. `answer` is what the provider expects instead of the error."""

    status: int
    cause: str
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    answer: Answer | None = None


async def answer_accepted(
    send: Send, source: SourceEntry, request_id: str, inbound: InboundRequest | None, verdict: Verdict
) -> None:
    answer = verdict.answer or source.response
    if isinstance(answer, CustomResponse):
        answer = answer.fixed or (answer.answer(inbound, request_id) if inbound is not None else None)
    if answer is not None:
        return await _answer_with(send, answer)
    body = b'{"ok":true,"queued":true,"transport":"queue","request_id":"%b"}' % request_id.encode()
    return await _answer(send, 200, [_JSON], body)


async def answer_rejected(send: Send, rejection: Rejection) -> None:
    if rejection.answer is not None:
        return await _answer_with(send, rejection.answer)
    return await answer_error(send, rejection.status, rejection.cause, rejection.message, headers=rejection.headers)


async def _answer_with(send: Send, answer: Answer) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await _answer(send, answer.status, headers, answer.body)


async def answer_unavailable(send: Send, reason: str, message: str) -> None:
    registry.requests_refused.add(1, reason)
    await answer_error(send, 503, "UNAVAILABLE", message, headers=((b"retry-after", b"5"),))


async def answer_error(
    send: Send, status: int, code: str, message: str, *, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    await _answer(send, status, [_JSON, *headers], orjson.dumps(envelope(message=message, code=code)))


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
