"""The bench's side of the receiver process: start it, ask what arrived, change how it answers, stop it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.http import fetch
from bench.receiver_server import Behaviour, Record
from bench.waiting import wait_for_count

REPOSITORY = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Counts:
    """`delivered`: distinct bench ids of the asked tag answered 2xx. `hits`: every request, of any tag."""

    hits: int
    events: int
    delivered: int
    in_flight: int
    not_recorded: int


@dataclass(frozen=True, slots=True)
class ReceiverProcess:
    pid: int
    control_port: int
    ports: Mapping[str, int]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}/hook"

    async def counts(self, name: str, tag: str = "") -> Counts:
        return Counts(**await self._control("GET", f"/counts?receiver={name}&tag={tag}"))

    async def dump(self, name: str, tag: str) -> list[Record]:
        """Every delivery of the load `tag`, in order of arrival."""
        return [tuple(row) for row in await self._control("GET", f"/dump?receiver={name}&tag={tag}")]

    async def reset(self, name: str) -> None:
        await self._control("POST", f"/reset?receiver={name}")

    async def set_behaviour(self, name: str, behaviour: Behaviour) -> None:
        await self._control("POST", f"/behaviour?receiver={name}", orjson.dumps(asdict(behaviour)))

    async def wait_delivered(self, name: str, tag: str, *, count: int, timeout_s: float) -> int:
        """Wait until `count` distinct ids of `tag` arrived, at most `timeout_s`; how many did either way."""

        async def delivered() -> int:
            return (await self.counts(name, tag)).delivered

        return await wait_for_count(delivered, at_least=count, timeout_s=timeout_s)

    async def _control(self, method: str, target: str, body: bytes = b"") -> Any:
        response = await fetch(method, f"http://127.0.0.1:{self.control_port}{target}", body=body)
        if response.status != 200:
            raise RuntimeError(f"receiver control {method} {target}: {response.status} {response.body[:200]!r}")
        return orjson.loads(response.body)


@asynccontextmanager
async def receiver_process(specs: Mapping[str, Behaviour]) -> AsyncIterator[ReceiverProcess]:
    """Receivers by name in a process of their own, gone when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.receiver_server",
        orjson.dumps({name: asdict(behaviour) for name, behaviour in specs.items()}).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        started = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
        if not started:
            raise RuntimeError("the receiver process did not start")
        ports = orjson.loads(started)
        yield ReceiverProcess(pid=process.pid, control_port=ports["control"], ports=ports["receivers"])
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
