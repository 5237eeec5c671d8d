"""The faults themselves. Each is made from outside, as chance would make it, and says when it was.

The supervisor starts again whatever dies, within a second. So a server that should stay away is not only stopped: what
it needs to start is taken from it (Postgres: its data folder is renamed; Valkey: its port is held). Every attempt of
the supervisor's then fails as it would on a broken machine, and the moment it is given back the next one succeeds: what
is tested is the installation as `./script/up` runs it, and its own way back. A proxy before the servers would only show
cut connections, not a server that shuts down, refuses and recovers.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from bench.crash.accounting import Struck
from bench.crash.small_disk import SmallDisk
from bench.crash.timing import Timing
from bench.installation import Installation
from bench.receiver_server import Behaviour
from bench.receivers import ReceiverProcess

WORKERS = ("worker:route", "worker:deliver", "worker:bulk", "worker:maintenance")
RECEIVER = "crash"
# Of the calls of a resetting receiver, one in so many is reset.
RESET_EVERY = 3


@dataclass(slots=True)
class Scene:
    """What a fault acts on. `stop_s` is filled by the fault that stops everything."""

    installation: Installation
    receivers: ReceiverProcess
    timing: Timing
    disk: SmallDisk | None = None
    stop_s: float | None = None


Fault = Callable[[Scene], Awaitable[Struck]]


def kill(*roles: str) -> Fault:
    """SIGKILL to every process of the roles."""

    async def strike(scene: Scene) -> Struck:
        pids = [pid for role in roles for pid in scene.installation.pids(role)]
        began_us = now_us()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return Struck(began_us, began_us)

    return strike


def end_postgres(number: signal.Signals) -> Fault:
    """SIGINT is a fast shutdown (connections are ended), SIGKILL a crash with a recovery after it."""

    async def strike(scene: Scene) -> Struck:
        began_us = now_us()
        os.kill(scene.installation.postmaster_pid, number)
        return Struck(began_us, began_us)

    return strike


async def keep_postgres_away(scene: Scene) -> Struck:
    cluster = scene.installation.cluster
    hidden = cluster.with_name("postgres-away")
    pid = scene.installation.postmaster_pid
    # A running server works in its folder whatever the folder is called.
    cluster.rename(hidden)
    try:
        began_us = now_us()
        os.kill(pid, signal.SIGINT)
        await asyncio.sleep(scene.timing.away_s)
    finally:
        hidden.rename(cluster)
    return Struck(began_us, now_us())


async def flush_valkey(scene: Scene) -> Struck:
    began_us = now_us()
    with redis.Redis.from_url(scene.installation.redis_url) as client:
        client.flushall()
    return Struck(began_us, began_us)


async def keep_valkey_away(scene: Scene) -> Struck:
    port = redis.Redis.from_url(scene.installation.redis_url).connection_pool.connection_kwargs["port"]
    began_us = now_us()
    scene.installation.signal_role("cache", signal.SIGKILL)
    with _held_port(port):
        await asyncio.sleep(scene.timing.away_s)
    return Struck(began_us, now_us())


async def freeze_delivery(scene: Scene) -> Struck:
    """The worker that delivers is stopped beyond its lease, then goes on. The other one must take over by itself, so
    recovery counts from the stop."""
    port = scene.receivers.ports[RECEIVER]
    pid = scene.installation.connected_to("worker:deliver", port)
    began_us = now_us()
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(scene.timing.frozen_s)
    finally:
        os.kill(pid, signal.SIGCONT)
    return Struck(began_us, began_us)


async def fill_disk(scene: Scene) -> Struck:
    assert scene.disk is not None
    began_us = now_us()
    await scene.disk.keep_full(scene.installation.supervisor_pid, scene.timing.away_s)
    return Struck(began_us, now_us())


async def reset_calls(scene: Scene) -> Struck:
    """The receiver resets one connection in RESET_EVERY in the middle of the body, for `away_s`."""
    began_us = now_us()
    await scene.receivers.set_behaviour(RECEIVER, Behaviour("resetting", every=RESET_EVERY))
    await asyncio.sleep(scene.timing.away_s)
    await scene.receivers.set_behaviour(RECEIVER, Behaviour("slow", delay_ms=scene.timing.answer_ms))
    return Struck(began_us, now_us())


async def stop_and_start(scene: Scene) -> Struck:
    """SIGTERM to everything, as for an upgrade, then a new start on the same data. Recovery counts from the start."""
    began_us = now_us()
    scene.stop_s = await scene.installation.stop()
    over_us = now_us()
    await scene.installation.start()
    return Struck(began_us, over_us)


def now_us() -> int:
    return int(time.time() * 1_000_000)


@contextmanager
def _held_port(port: int) -> Iterator[None]:
    """Nobody else can listen there, and whoever connects is refused. Waits until its listener is gone."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline_s = time.monotonic() + 5.0
    try:
        while True:
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.002)
            else:
                break
        yield
    finally:
        holder.close()
