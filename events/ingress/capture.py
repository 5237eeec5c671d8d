"""Capture: requests that arrive together are committed together, and each caller gets its answer after the commit.

One writer thread per process takes whatever waits, COPYs it in one statement, and answers the callers. While it writes,
the next group gathers: under load groups grow by themselves, and a lone request waits for nobody. Rejected requests
beyond their evidence budget are counted here instead of stored.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import psycopg
import structlog
from django.conf import settings

from events.ingress.counts import count_stored
from events.ingress.store import CapturedRequest, add_discarded, write_requests
from events.storage.partitions import with_partitions
from fasthook.lib.nudge import nudge
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection
from fasthook.metrics import registry

log = structlog.get_logger(__name__)

COUNT_S = 1.0
# A small commit right after another one waits a moment for more requests: each commit costs as much CPU as several of
# them, which delivery could use (docs/benchmarks.md). A lone request, and a group large enough, wait for nobody.
GATHER_S = 0.002
BACK_TO_BACK_S = 0.005
LARGE_GROUP = 16


class CaptureFailed(Exception):
    """The request was not stored: Postgres is away or refused it."""


@dataclass(slots=True)
class _Waiting:
    request: CapturedRequest
    caller: asyncio.Future[None]


class Capture:
    """The group committer of one web process. `start` it on the loop that calls `store`; `stop` writes what waits."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._discarded: Counter[tuple[str, str, datetime, str]] = Counter()
        self._discarded_lock = threading.Lock()
        self._count_at = 0.0
        self._written_at = 0.0
        self._database = DataConnection("capture")
        self._outage = Outage(restored="capture.restored")
        self._nudger = _Nudger()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._nudger.start()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        if self._thread is not None:
            self._stopped = True
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)
            self._nudger.stop()

    async def store(self, request: CapturedRequest) -> None:
        """Returns once the request is on disk; CaptureFailed when it is not. Bounding what waits is the caller's."""
        if self._loop is None or self._stopped:
            raise CaptureFailed("this process is stopping")
        waiting = _Waiting(request, self._loop.create_future())
        self._waiting.put(waiting)
        await waiting.caller

    def discard(self, *, team_id: str, source_id: str, cause: str, now: datetime) -> None:
        """Counts a rejected request that is not stored; written about once a second."""
        registry.evidence_discarded.add()
        with self._discarded_lock:
            self._discarded[(team_id, source_id, now.replace(second=0, microsecond=0), cause)] += 1

    def _run(self) -> None:
        running = True
        while running:
            group, running = self._next_group()
            if group:
                self._write(group)
                self._written_at = time.monotonic()
            if not running or time.monotonic() >= self._count_at:
                self._count_at = time.monotonic() + COUNT_S
                self._write_discarded()
        self._database.close()

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Waits for the first request (up to a second), then takes what else is there. False: stop after this one."""
        group: list[_Waiting] = []
        size = 0
        try:
            item = self._waiting.get(timeout=1.0)
            if time.monotonic() - self._written_at < BACK_TO_BACK_S and self._waiting.qsize() < LARGE_GROUP:
                time.sleep(GATHER_S)
            while True:
                if item is None:
                    return group, False
                group.append(item)
                size += item.request.size
                if len(group) >= settings.CAPTURE_GROUP_REQUESTS or size >= settings.CAPTURE_GROUP_BYTES:
                    return group, True
                item = self._waiting.get_nowait()
        except queue.Empty:
            return group, True

    def _write(self, group: list[_Waiting]) -> None:
        error = self._try_write([waiting.request for waiting in group])
        if error is not None and not isinstance(error, psycopg.OperationalError) and len(group) > 1:
            # One of them cannot be stored: find out which, and let the others in.
            for waiting in group:
                self._tell([waiting], self._try_write([waiting.request]))
        else:
            self._tell(group, error)
        if any(waiting.request.routed for waiting in group):
            self._nudger.wake()

    def _try_write(self, requests: list[CapturedRequest]) -> Exception | None:
        try:
            with_partitions(partial(self._database.run, write_requests, requests))
        except psycopg.OperationalError as error:
            self._outage.failed("capture.failed", error, requests=len(requests))
            return error
        except psycopg.Error as error:
            log.error("capture.failed", requests=len(requests), error=str(error))
            return error
        except Exception as error:
            log.exception("capture.failed", requests=len(requests))
            return error
        self._outage.over()
        count_stored(requests)
        return None

    def _tell(self, group: list[_Waiting], error: Exception | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, group, error)

    def _write_discarded(self) -> None:
        with self._discarded_lock:
            if not self._discarded:
                return
            counted, self._discarded = self._discarded, Counter()
        rows = [(*key, count) for key, count in counted.items()]
        try:
            self._database.run(add_discarded, rows)
        except psycopg.Error as error:
            self._outage.failed("capture.discard_count_failed", error, requests=sum(counted.values()))
            with self._discarded_lock:
                self._discarded.update(counted)


def _resolve(group: list[_Waiting], error: Exception | None) -> None:
    for waiting in group:
        if waiting.caller.done():  # the caller gave up waiting
            continue
        if error is None:
            waiting.caller.set_result(None)
        else:
            waiting.caller.set_exception(CaptureFailed(str(error)))


class _Nudger:
    """Nudges routing from a thread of its own, so that a slow or absent Redis never holds up the writer."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._stopping = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="nudger", daemon=True).start()

    def wake(self) -> None:
        self._wanted.set()

    def stop(self) -> None:
        self._stopping = True
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.wait()
            self._wanted.clear()
            nudge("route")
