"""One HTTP/1.1 client connection on a raw transport: the cheapest client that still reads every answer in full.

One request at a time (no pipelining). What to send, when, and what an answer means is left to the callers.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast
from urllib.parse import urlsplit

LOST = 0  # in place of a status: the connection ended before an answer
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost"})

AnswerHandler = Callable[[int, bytes], None]


class NotLoopbackError(ValueError):
    """The address is not on this machine; the bench never loads another host."""


class MalformedResponseError(ValueError):
    """The server's bytes are not an HTTP/1.1 answer this client reads."""


class UnreachableError(RuntimeError):
    """No connection, or the connection ended before the answer."""


class Response(NamedTuple):
    status: int
    body: bytes
    closes: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a loopback URL leads: `authority` is the Host header, `target` the request line's path and query."""

    port: int
    authority: str
    target: str


def loopback_endpoint(url: str) -> Endpoint:
    """Split an http URL on 127.0.0.1 or localhost; NotLoopbackError for any other host or scheme."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK_HOSTS:
        raise NotLoopbackError(f"{url!r} is not http://127.0.0.1 or http://localhost: the bench stays on this machine")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(port=parts.port or 80, authority=parts.netloc, target=target)


def parse_response(buffer: bytes) -> Response | None:
    """The one answer in `buffer`, or None while bytes are missing; MalformedResponseError when it cannot be one."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    if not buffer.startswith(b"HTTP/1.1 "):
        raise MalformedResponseError(f"not an HTTP/1.1 answer: {buffer[:40]!r}")
    head = buffer[:head_end].lower()
    status = int(buffer[9:12])
    closes = b"\r\nconnection: close" in head
    body_start = head_end + 4
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        line_end = head.find(b"\r\n", at + 2)
        body_end = body_start + int(head[at + 17 : line_end if line_end >= 0 else None])
        if len(buffer) < body_end:
            return None
        if len(buffer) > body_end:
            raise MalformedResponseError("more bytes than the answer announced")
        return Response(status, buffer[body_start:], closes)
    if b"\r\ntransfer-encoding: chunked" in head:
        body = _join_chunks(buffer, body_start)
        return None if body is None else Response(status, body, closes)
    if status in (204, 304):
        return Response(status, b"", closes)
    raise MalformedResponseError("an answer without content-length or chunks")


def _join_chunks(buffer: bytes, position: int) -> bytes | None:
    """RFC 9112 section 7.1 without extensions and trailers; None while the last chunk is missing."""
    chunks: list[bytes] = []
    while (line_end := buffer.find(b"\r\n", position)) >= 0:
        size = int(buffer[position:line_end], 16)
        start = line_end + 2
        position = start + size + 2
        if len(buffer) < position:
            return None
        if size == 0:
            return b"".join(chunks)
        chunks.append(buffer[start : start + size])
    return None


class ClientConnection(asyncio.Protocol):
    """A keep-alive connection; `send` hands the answer to a callback, status LOST when the connection ended first."""

    __slots__ = ("_buffer", "_on_answer", "_transport", "idle_since")

    def __init__(self) -> None:
        self._buffer = b""
        self._on_answer: AnswerHandler | None = None
        self._transport: asyncio.Transport | None = None
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it

    def send(self, request: bytes, on_answer: AnswerHandler) -> None:
        assert self._on_answer is None, "one request at a time"
        if self._transport is None:
            on_answer(LOST, b"")
            return
        self._on_answer = on_answer
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        try:
            response = parse_response(data)
        except ValueError:
            self._close_and_report_loss()
            return
        if response is None:
            self._buffer = data
            return
        self._buffer = b""
        if response.closes:
            self.close()
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(response.status, response.body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._close_and_report_loss()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _close_and_report_loss(self) -> None:
        self.close()
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(LOST, b"")


async def connect(port: int) -> ClientConnection:
    """A connection to 127.0.0.1; OSError when nobody listens."""
    _, connection = await asyncio.get_running_loop().create_connection(ClientConnection, "127.0.0.1", port)
    return connection


async def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = 30.0,
) -> Response:
    """One request on a connection of its own; UnreachableError without an answer, TimeoutError after `timeout_s`."""
    endpoint = loopback_endpoint(url)
    lines = [f"{method} {endpoint.target} HTTP/1.1", f"host: {endpoint.authority}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_answer(status: int, content: bytes) -> None:
        if not answer.done():
            answer.set_result(Response(status, content, True))

    try:
        async with asyncio.timeout(timeout_s):
            connection = await connect(endpoint.port)
            try:
                connection.send("\r\n".join([*lines, "\r\n"]).encode("latin-1") + body, on_answer)
                response = await answer
            finally:
                connection.close()
    except OSError as fault:
        if isinstance(fault, TimeoutError):
            raise
        raise UnreachableError(f"{method} {url}: {fault}") from fault
    if response.status == LOST:
        raise UnreachableError(f"{method} {url}: the connection ended before an answer")
    return response
