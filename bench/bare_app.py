"""The ingress ceiling: an ASGI application that reads the body and answers the bytes a source answers, nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

ANSWER = b'{"ok":true,"queued":true,"transport":"queue","request_id":"req_01KC0000000000000000000000"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())],
}
BODY = {"type": "http.response.body", "body": ANSWER}


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(BODY)
