"""A run of FastHook on this machine: prepare, start, wait until ready, keep running, stop within ten seconds."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasthook.lib.plural import for_count
from local.embedded import EmbeddedError, EmbeddedServices
from local.supervisor.child import describe_status, launch
from local.supervisor.environment import address
from local.supervisor.leftover_processes import MARK
from local.supervisor.output import Console, Pipe
from local.supervisor.pool import Pool, Supervised
from local.supervisor.readiness import Answer, ask_ready
from local.supervisor.specs import ProcessSpec
from local.supervisor.welcome import welcome

# Ten seconds in all: the processes have eight, Postgres what is left and at least one and a half.
PROCESSES_GRACE_S = 8.0
SERVICES_GRACE_S = 1.5
READY_PATIENCE_S = 90.0
POLL_S = 0.2
SERVICES_CHECK_S = 1.0
DEATHS_THAT_END_THE_START = 3


class RunError(Exception):
    """The start failed; the message is the report for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: `steps` one after another to their end, then `specs` until told to stop."""

    root: Path
    data_dir: Path
    environment: Mapping[str, str]
    steps: tuple[ProcessSpec, ...]
    specs: tuple[ProcessSpec, ...]
    ready_patience_s: float = READY_PATIENCE_S


class Run:
    def __init__(self, plan: Plan, *, services: EmbeddedServices, console: Console) -> None:
        self.plan = plan
        self.services = services
        self.console = console
        self.stop_asked = asyncio.Event()
        self.hurry = asyncio.Event()
        self.pool = Pool(plan.specs, environment_for=self.environment_for, folder=plan.root, console=console)

    def environment_for(self, spec: ProcessSpec) -> dict[str, str]:
        marks = {MARK: str(self.plan.data_dir), "DATABASE_APPLICATION_NAME": f"fasthook {spec.name}"}
        return {**self.plan.environment, **marks}

    async def main(self) -> None:
        """Returns when a stop was asked for and done. Raises RunError when the start fails; all is stopped then too."""
        self._listen_to_signals()
        self.console.expect([spec.name for spec in (*self.plan.steps, *self.plan.specs)])
        try:
            await self._until_stop(self._serve())
        finally:
            self.console.say("Stopping.")
            await self.pool.stop(grace_s=PROCESSES_GRACE_S, hurry=self.hurry)
            self.services.stop(patience_s=SERVICES_GRACE_S)
        self.console.say("Stopped.")

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.ask_to_stop)

    def ask_to_stop(self) -> None:
        """The first call asks, a second one stops waiting for anybody."""
        if self.stop_asked.is_set():
            self.hurry.set()
        self.stop_asked.set()

    async def _until_stop(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self.stop_asked.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=self.stop_asked.is_set())

    async def _serve(self) -> None:
        for step in self.plan.steps:
            await self._finish(step)
        self.pool.start()
        await self._wait_until_ready()
        self.console.say(welcome(self.plan.environment, self.plan.data_dir, is_log=self.console.as_json))
        while True:
            await asyncio.sleep(SERVICES_CHECK_S)
            self._revive_services()

    async def _finish(self, step: ProcessSpec) -> None:
        """Run one step to its end."""
        pipe = Pipe(step.name, self.console)
        child = await launch(step.command, environment=self.environment_for(step), folder=self.plan.root)
        try:
            await pipe.copy(child.output)
            status = await child.process.wait()
        finally:
            child.kill_session()
        if status != 0:
            raise RunError(f"'{step.name}' failed ({describe_status(status)}); its output is above.")

    async def _wait_until_ready(self) -> None:
        base = address(self.plan.environment)
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.plan.ready_patience_s
        while True:
            answer = await asyncio.to_thread(ask_ready, base)
            if answer.is_ready:
                return
            failing = [member for member in self.pool.members if member.deaths >= DEATHS_THAT_END_THE_START]
            if failing or clock() > deadline:
                raise RunError(self._report(base, answer, failing))
            self._revive_services()
            await asyncio.sleep(POLL_S)

    def _report(self, base: str, answer: Answer, failing: list[Supervised]) -> str:
        said = f"answered {answer.status}: {answer.detail}" if answer.status else f"did not answer ({answer.detail})"
        lines = [f"FastHook did not become ready. {base}/readyz {said}"]
        for member in self.pool.members:
            state = "running" if member.is_running else describe_status(member.last_status)
            times = for_count(member.deaths, "time", "times")
            lines.append(f"  {member.spec.name}: {state}, died {member.deaths} {times}")
        for member in failing or [member for member in self.pool.members if not member.is_running]:
            lines.append(f"The last lines of {member.spec.name}:")
            lines += [f"    {line}" for line in member.pipe.recent]
        return "\n".join(lines)

    def _revive_services(self) -> None:
        try:
            revived = self.services.revive()
        except EmbeddedError as fault:
            self.console.say(f"!! {fault}")
            return
        for name in revived:
            self.console.say(f"!! {name} died; started it again. See {self.plan.data_dir}/log/{name}.log")


def python_step(name: str, *arguments: str) -> ProcessSpec:
    """A step that runs this interpreter."""
    return ProcessSpec(name, (sys.executable, *arguments))
