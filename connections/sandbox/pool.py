"""Sandboxes for the web process: a few at once, each on a thread of its own, and a refusal when all are taken.

A child ends with the thread that started it, and the threads of requests come and go; these stay.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from connections.sandbox.jobs import Job, Limits, Outcome
from connections.sandbox.sandbox import Sandbox

# Calls that may wait for a sandbox, for each one there is.
WAITING: Final = 4


class Busy(Exception):
    """Every sandbox is taken and enough calls wait already."""


class SandboxPool:
    """Starts nothing before the first run. `run` is for synchronous code off the event loop."""

    def __init__(self, *, size: int, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="sandbox")
        self._places = threading.BoundedSemaphore(size * (1 + WAITING))
        self._own = threading.local()
        self._made: list[Sandbox] = []

    def run(self, job: Job) -> Outcome:
        """Raises Busy, SandboxUnavailable."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            return self._threads.submit(self._run, job).result()
        finally:
            self._places.release()

    def close(self) -> None:
        self._threads.shutdown()
        for sandbox in self._made:
            sandbox.close()

    def _run(self, job: Job) -> Outcome:
        sandbox: Sandbox | None = getattr(self._own, "sandbox", None)
        if sandbox is None:
            sandbox = self._own.sandbox = Sandbox(self._limits)
            self._made.append(sandbox)
        return sandbox.run(job)
