"""The body of a call: bounded by itself, and in sum with all others that this process holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Disconnected(Exception):
    """The caller went away before its body had come."""


class Overloaded(Exception):
    """This process holds as many bodies as it may."""


class BufferedBytes:
    """The bodies that this process holds, from their first byte to their commit: bounded, whoever sends them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, size: int) -> None:
        if self._held + size > self._limit:
            raise Overloaded
        self._held += size

    def give_back(self, size: int) -> None:
        self._held -= size


def header_of(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


class Body:
    """One call's body: what it holds of the process's bytes, and its limit."""

    def __init__(self, held: BufferedBytes, limit: int) -> None:
        self._held = held
        self._limit = limit
        self._size = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None as soon as it is known to be too large. What still comes is the server's to drop."""
        announced = header_of(scope, b"content-length")
        if announced.isdigit() and int(announced) > self._limit:
            return None
        chunks: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk = message.get("body", b"")
            if self._size + len(chunk) > self._limit:
                return None
            self._held.take(len(chunk))
            self._size += len(chunk)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def let_go(self) -> None:
        self._held.give_back(self._size)
