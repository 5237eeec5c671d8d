from __future__ import annotations

import asyncio
from typing import Any

from fasthook.lib.browsers.sandbox import sandboxed


def test_what_an_application_says_of_its_own_about_the_sandbox_is_replaced() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def answer() -> None:
        headers = [(b"Content-Security-Policy", b"default-src *"), (b"x-a", b"1"), (b"x-content-type-options", b"")]
        inside = sandboxed(send)
        await inside({"type": "http.response.start", "status": 200, "headers": headers})
        await inside({"type": "http.response.body", "body": b"x"})

    asyncio.run(answer())
    start, body = sent
    assert (start["status"], body) == (200, {"type": "http.response.body", "body": b"x"})
    assert start["headers"] == [
        (b"x-a", b"1"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"x-content-type-options", b"nosniff"),
    ]
