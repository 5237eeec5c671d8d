"""A real receiver on port 0: remembers every call byte for byte and answers as each path's script says."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Call:
    """What arrived. `at` is time.monotonic(); header names are in lower case."""

    at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["x-fasthook-event-id"]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    text: str = "received"


class Receiver:
    """Its server runs on a loop and thread of its own, so that a busy test does not slow it more than it must."""

    def __init__(self) -> None:
        self.port = 0
        self.calls: list[Call] = []
        self.answered: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight: Counter[str] = Counter()
        self._scripts: dict[str, deque[Answer]] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._held: set[str] = set()
        self._resets: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receiver", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._runner = self._ask(self._serve())

    def stop(self) -> None:
        for path in list(self._held):
            self.release(path)
        self._ask(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def script(self, path: str, *answers: Answer) -> None:
        """The answers to the calls at `path`, in turn; the last one is repeated. Without a script: 200."""
        self._scripts[path] = deque(answers)

    def slow_down(self, path: str, delay_s: float) -> None:
        self.script(path, Answer(delay_s=delay_s))

    def hold(self, path: str) -> None:
        """Calls at `path` get no answer until `release`."""
        self._gates[path] = asyncio.Event()
        self._held.add(path)

    def release(self, path: str) -> None:
        self._held.discard(path)
        self._loop.call_soon_threadsafe(self._gates[path].set)

    def reset_next(self, path: str, calls: int) -> None:
        """The next `calls` at `path` get a reset in the middle of their body, and are not among `calls`."""
        self._resets[path] = calls

    def at(self, path: str) -> list[Call]:
        """The calls at `path` so far, in the order of their arrival."""
        return [call for call in list(self.calls) if call.path == path]

    def repeats(self, path: str) -> int:
        """How many calls at `path` came for an event that had been sent before."""
        calls = self.at(path)
        return len(calls) - len({call.event_id for call in calls})

    def _ask(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _serve(self) -> web.AppRunner:
        runner = web.ServerRunner(web.Server(self._handle), handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        at = time.monotonic()
        raw_path, _, query = request.raw_path.partition("?")
        self.in_flight[raw_path] += 1
        self.most_in_flight[raw_path] = max(self.most_in_flight[raw_path], self.in_flight[raw_path])
        try:
            if self._resets[raw_path] > 0:
                self._resets[raw_path] -= 1
                return await _reset(request)
            body = await request.content.read()
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.raw_headers}
            self.calls.append(Call(at, request.method, raw_path, query, headers, body))
            answer = self._next_answer(raw_path)
            if answer.delay_s:
                await asyncio.sleep(answer.delay_s)
            if raw_path in self._held:
                await self._gates[raw_path].wait()
            self.answered[raw_path] += 1
            return web.Response(status=answer.status, headers=answer.headers, text=answer.text)
        finally:
            self.in_flight[raw_path] -= 1

    def _next_answer(self, path: str) -> Answer:
        script = self._scripts.get(path)
        if not script:
            return Answer()
        return script[0] if len(script) == 1 else script.popleft()


async def _reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reads the first piece of the body, then ends the connection so that its other side sees a reset."""
    await request.content.readany()
    transport = request.transport
    assert transport is not None
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return web.Response()


@pytest.fixture(name="receiver")
def local_receiver(settings: Any) -> Iterator[Receiver]:
    """For deliveries of the test's own process, which may dial it."""
    settings.DELIVERY_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    made = Receiver()
    made.start()
    yield made
    made.stop()
