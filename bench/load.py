"""Two ways to load a server: closed loop (N connections, each as fast as answered) and open loop (fixed arrival rate).

Both are bounded in time and count. The open loop counts latency from the planned time, whether or not a connection was
free, so a stalled server cannot hide its stall by slowing the generator down (no coordinated omission).
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from bench.http import LOST, ClientConnection, connect
from bench.payload import Template
from bench.recording import LoadResult, Recorder

MAX_REQUESTS = 1_000_000
# A worker may close an idle connection after 2 s (gunicorn's default): older ones are not trusted with a request.
MAX_IDLE_S = 1.0
RECONNECT_DELAY_S = 0.05
# uvloop rounds timers to whole milliseconds: a shorter one is a busy loop that takes a CPU from the product.
MIN_TICK_S = 0.001


async def run_closed_loop(
    template: Template,
    *,
    connections: int,
    max_seconds: float,
    max_requests: int = MAX_REQUESTS,
    grace_s: float = 10.0,
) -> LoadResult:
    """Keep `connections` requests in flight until `max_seconds` or `max_requests`; then wait `grace_s` for answers."""
    loop = _ClosedLoop(template, max_requests)
    opened = await asyncio.gather(*(connect(template.port) for _ in range(min(connections, max_requests))))
    with _no_collector_pauses():
        loop.start(opened, max_seconds)
        await asyncio.wait({loop.done}, timeout=max_seconds + grace_s)
    result = loop.recorder.finish(loop.recorder.sent)
    loop.stop()
    return result


class _ClosedLoop:
    def __init__(self, template: Template, max_requests: int) -> None:
        self.template = template
        self.max_requests = min(max_requests, MAX_REQUESTS)
        self.recorder = Recorder()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.deadline_s = 0.0
        self.wall_offset_s = 0.0
        self._lanes: list[_Lane] = []
        self._running = 0

    def start(self, connections: list[ClientConnection], max_seconds: float) -> None:
        now_s = self.recorder.start_clock()
        self.deadline_s = now_s + max_seconds
        self.wall_offset_s = time.time() - now_s
        self._lanes = [_Lane(self, connection) for connection in connections]
        self._running = len(self._lanes)
        for lane in self._lanes:
            lane.send_next()

    def next_seq(self, now_s: float) -> int | None:
        if now_s >= self.deadline_s or self.recorder.sent >= self.max_requests:
            return None
        self.recorder.sent += 1
        return self.recorder.sent - 1

    def lane_finished(self) -> None:
        self._running -= 1
        if self._running == 0 and not self.done.done():
            self.done.set_result(None)

    def stop(self) -> None:
        self.deadline_s = 0.0
        for lane in self._lanes:
            lane.stop()


class _Lane:
    """One connection of a closed loop; replaces its connection when the server ends it."""

    __slots__ = ("_connection", "_loop", "_on_answer", "_reconnecting", "_sent_s", "_seq")

    def __init__(self, loop: _ClosedLoop, connection: ClientConnection) -> None:
        self._loop = loop
        self._connection = connection
        self._on_answer = self._answered
        self._reconnecting: asyncio.Task[None] | None = None
        self._seq = 0
        self._sent_s = 0.0

    def send_next(self) -> None:
        if not self._connection.is_open:
            self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect())
            return
        now_s = time.perf_counter()
        seq = self._loop.next_seq(now_s)
        if seq is None:
            self._loop.lane_finished()
            return
        self._seq = seq
        self._sent_s = now_s
        planned_us = int((now_s + self._loop.wall_offset_s) * 1_000_000)
        self._connection.send(self._loop.template.render(seq, planned_us), self._on_answer)

    def _answered(self, status: int, body: bytes) -> None:
        self._loop.recorder.answered(self._seq, status, time.perf_counter() - self._sent_s)
        if status == LOST:
            self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect(RECONNECT_DELAY_S))
        else:
            self.send_next()

    async def _reconnect(self, delay_s: float = 0.0) -> None:
        await asyncio.sleep(delay_s)
        while time.perf_counter() < self._loop.deadline_s:
            try:
                self._connection = await connect(self._loop.template.port)
            except OSError:
                await asyncio.sleep(RECONNECT_DELAY_S)
            else:
                self.send_next()
                return
        self._loop.lane_finished()

    def stop(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        self._connection.close()


async def run_open_loop(
    template: Template,
    *,
    rate_per_s: float,
    seconds: float,
    max_connections: int = 256,
    grace_s: float = 10.0,
) -> LoadResult:
    """Plan one request every 1/`rate_per_s` for `seconds`; latency runs from the planned time to the answer."""
    planned = min(int(rate_per_s * seconds), MAX_REQUESTS)
    loop = _OpenLoop(template, rate_per_s, planned=planned, max_connections=max_connections)
    with _no_collector_pauses():
        loop.start()
        await asyncio.wait({loop.done}, timeout=seconds + grace_s)
    result = loop.recorder.finish(planned)
    loop.stop()
    return result


class _OpenLoop:
    def __init__(self, template: Template, rate_per_s: float, *, planned: int, max_connections: int) -> None:
        self.recorder = Recorder()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._template = template
        self._interval_s = 1.0 / rate_per_s
        self._planned = planned
        self._max_connections = max_connections
        self._event_loop = asyncio.get_running_loop()
        self._start_s = 0.0
        self._wall_offset_s = 0.0
        self._next = 0
        self._settled = 0
        self._open = 0
        self._idle: list[ClientConnection] = []  # used from the end, so that few connections stay warm
        self._waiting: deque[int] = deque()
        self._in_use: set[ClientConnection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._start_s = self.recorder.start_clock()
        self._wall_offset_s = time.time() - self._start_s
        self._tick()

    def stop(self) -> None:
        self._planned = 0
        for task in self._opening:
            task.cancel()
        for connection in [*self._idle, *self._in_use]:
            connection.close()

    def _tick(self) -> None:
        now_s = time.perf_counter()
        while self._next < self._planned and self._planned_s(self._next) <= now_s:
            self._waiting.append(self._next)
            self._next += 1
        self._send_waiting()
        if self._next < self._planned:
            self._event_loop.call_later(max(MIN_TICK_S, self._planned_s(self._next) - now_s), self._tick)

    def _planned_s(self, seq: int) -> float:
        return self._start_s + seq * self._interval_s

    def _send_waiting(self) -> None:
        while self._waiting:
            connection = self._take_idle()
            if connection is None:
                if self._open < self._max_connections and len(self._opening) < len(self._waiting):
                    self._open_another()
                    continue
                return
            self._send(connection, self._waiting.popleft())

    def _take_idle(self) -> ClientConnection | None:
        now_s = time.perf_counter()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and now_s - connection.idle_since < MAX_IDLE_S:
                return connection
            connection.close()
            self._open -= 1
        return None

    def _open_another(self) -> None:
        self._open += 1
        task = self._event_loop.create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        try:
            connection = await connect(self._template.port)
        except OSError:
            self._open -= 1
            await asyncio.sleep(RECONNECT_DELAY_S)
        else:
            self._release(connection)
        self._event_loop.call_soon(self._send_waiting)

    def _send(self, connection: ClientConnection, seq: int) -> None:
        planned_s = self._planned_s(seq)
        self._in_use.add(connection)
        self.recorder.sent += 1
        self.recorder.send_lag_s.append(time.perf_counter() - planned_s)

        def on_answer(status: int, body: bytes) -> None:
            self._in_use.discard(connection)
            self.recorder.answered(seq, status, time.perf_counter() - planned_s)
            self._settled += 1
            if self._settled == self._planned and not self.done.done():
                self.done.set_result(None)
            if status == LOST or not connection.is_open:
                self._open -= 1
            else:
                self._release(connection)
            if self._waiting:
                self._send_waiting()

        planned_us = int((planned_s + self._wall_offset_s) * 1_000_000)
        connection.send(self._template.render(seq, planned_us), on_answer)

    def _release(self, connection: ClientConnection) -> None:
        connection.idle_since = time.perf_counter()
        self._idle.append(connection)


@contextmanager
def _no_collector_pauses() -> Iterator[None]:
    """A full collection over a few hundred thousand records stops the generator for longer than an answer takes."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
