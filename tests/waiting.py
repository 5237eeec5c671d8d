"""Waiting for a condition with a deadline: the only way these tests let time pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

POLL_S = 0.05


def wait_until(condition: Callable[[], Found], timeout_s: float, why: str | Callable[[], str]) -> Found:
    """The first true value of `condition`; AssertionError with `why` (and the last value) after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            reason = why if isinstance(why, str) else why()
            raise AssertionError(f"not within {timeout_s:g} s: {reason} (last seen: {found!r})")
        time.sleep(POLL_S)
