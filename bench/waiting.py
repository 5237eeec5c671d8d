"""Waiting for a number to get there, with a deadline; the bench looks from outside, so it polls."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.1


async def wait_for_count(read: Callable[[], Awaitable[int]], *, at_least: int, timeout_s: float) -> int:
    """Read until the number is `at_least`, at most `timeout_s`; the last number either way."""
    deadline_s = time.perf_counter() + timeout_s
    while True:
        count = await read()
        if count >= at_least or time.perf_counter() >= deadline_s:
            return count
        await asyncio.sleep(POLL_S)
