"""A pool of processes, kept running and ended in order. It knows nothing of what they are.

Not honcho: its manager ends every process as soon as one dies, restarts none, and stops them all at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.supervisor.child import Child, describe_status, launch
from local.supervisor.output import Console, Pipe
from local.supervisor.specs import ProcessSpec

FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 15.0
STEADY_S = 30.0
# What the processes of one rank may use alone before the next rank is told to stop.
RANK_HEAD_START_S = 2.0


class Supervised:
    """One process of the table over all its lives."""

    def __init__(self, spec: ProcessSpec, console: Console) -> None:
        self.spec = spec
        self.pipe = Pipe(spec.name, console)
        self.child: Child | None = None
        self.deaths = 0
        self.last_status: int | None = None

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.is_running

    def terminate(self) -> None:
        if self.child is not None:
            self.child.terminate()

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill_session()


class Pool:
    """Runs `specs` until `stop`. `environment_for` gives each process its environment at each start."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        environment_for: Callable[[ProcessSpec], Mapping[str, str]],
        folder: Path,
        console: Console,
    ) -> None:
        self.members = [Supervised(spec, console) for spec in specs]
        self._environment_for = environment_for
        self._folder = folder
        self._console = console
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep(member)) for member in self.members]

    async def stop(self, *, grace_s: float, hurry: asyncio.Event) -> None:
        """TERM rank by rank, KILL what is left after `grace_s` seconds or as soon as `hurry` is set."""
        self._stopping.set()
        clock = asyncio.get_running_loop().time
        deadline = clock() + grace_s
        for rank in sorted({member.spec.stop_rank for member in self.members}):
            rank_members = [member for member in self.members if member.spec.stop_rank == rank]
            for member in rank_members:
                member.terminate()
            await _all_ended(rank_members, before=min(deadline, clock() + RANK_HEAD_START_S), hurry=hurry)
        await _all_ended(self.members, before=deadline, hurry=hurry)
        for member in self.members:
            if member.is_running:
                self._console.say(f"{member.spec.name} did not stop in time and was killed.")
            member.kill()
        await asyncio.gather(*self._tasks)

    async def _keep(self, member: Supervised) -> None:
        clock = asyncio.get_running_loop().time
        backoff_s = 0.0
        while not self._stopping.is_set():
            began = clock()
            await self._live_once(member)
            if self._stopping.is_set():
                return
            member.deaths += 1
            if clock() - began > STEADY_S:
                backoff_s = 0.0
            backoff_s = min(max(backoff_s * 2, FIRST_BACKOFF_S), LAST_BACKOFF_S)
            how = describe_status(member.last_status)
            self._console.say(f"!! {member.spec.name} died ({how}); starting it again in {backoff_s:g} s.")
            await _set_within(self._stopping, backoff_s)

    async def _live_once(self, member: Supervised) -> None:
        environment = self._environment_for(member.spec)
        child = await launch(member.spec.command, environment=environment, folder=self._folder)
        member.child = child
        if self._stopping.is_set():
            child.terminate()
        copying = asyncio.create_task(member.pipe.copy(child.output))
        member.last_status = await child.process.wait()
        # A process that died may leave children that hold its port or its pipe.
        child.kill_session()
        await copying


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout=max(0.0, seconds))
    except TimeoutError:
        return False
    return True


async def _all_ended(members: Sequence[Supervised], *, before: float, hurry: asyncio.Event) -> None:
    clock = asyncio.get_running_loop().time
    while any(member.is_running for member in members) and not hurry.is_set() and clock() < before:
        await _set_within(hurry, 0.05)
