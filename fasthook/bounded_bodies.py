"""A bound on the bodies of calls before Django sees them: it would put all of one on disk before a view could refuse
it.

Only an end: which view takes how much, and what it says to more, is fasthook/api/errors.py's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


def bounded_body(receive: Receive, *, limit: int) -> Receive:
    """Ends the body once it is longer than `limit` bytes; what comes after that is read and forgotten."""
    taken = 0
    over = False

    async def bounded() -> Message:
        nonlocal taken, over
        message = await receive()
        while over and message["type"] == "http.request":
            message = await receive()
        if message["type"] != "http.request":
            return message
        taken += len(message.get("body", b""))
        over = taken > limit
        return {**message, "more_body": False} if over else message

    return bounded
