from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from fasthook.bounded_bodies import bounded_body

# More than any view takes.
LIMIT = 2_000_000
CHUNK = b"x" * 65_536
Message = MutableMapping[str, Any]


class Sender:
    """A caller who says that more comes, and then takes forever."""

    def __init__(self, chunks: int) -> None:
        self.left = chunks

    async def receive(self) -> Message:
        if not self.left:
            await asyncio.Event().wait()
        self.left -= 1
        return {"type": "http.request", "body": CHUNK, "more_body": True}


@pytest.mark.django_db(transaction=True)
def test_a_body_without_end_is_refused_as_soon_as_it_is_too_long() -> None:
    answered: list[Message] = []
    sender = Sender(chunks=40)

    async def send(message: MutableMapping[str, Any]) -> None:
        answered.append(message)

    async def call() -> None:
        receive: Any = bounded_body(sender.receive, limit=LIMIT)
        scope: Any = _scope("/v1/auth/login")
        await asyncio.wait_for(get_asgi_application()(scope, receive, send), timeout=20)

    asyncio.run(call())
    assert answered[0]["status"] == 413


def test_what_comes_after_the_end_is_forgotten() -> None:
    sender = Sender(chunks=40)

    async def taken() -> tuple[int, bool]:
        receive, size, more = bounded_body(sender.receive, limit=LIMIT), 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), timeout=0.1)
        return size, sender.left == 0

    assert asyncio.run(taken()) == (31 * len(CHUNK), True)


def test_a_body_within_the_limit_comes_as_it_is() -> None:
    sent = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return sent[len(got)]

    got: list[Message] = []

    async def read() -> None:
        bounded = bounded_body(receive, limit=2)
        for _ in sent:
            got.append(await bounded())

    asyncio.run(read())
    assert got == sent


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"transfer-encoding", b"chunked"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
