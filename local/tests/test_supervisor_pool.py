"""Processes kept running and ended in order, with small stand-ins for the real ones."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.supervisor.child import describe_status
from local.supervisor.output import Console
from local.supervisor.pool import Pool
from local.supervisor.specs import ProcessSpec

READY = "import signal, sys, time; "
PATIENT = READY + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True); time.sleep(60)"
STUBBORN = READY + "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print('child', child.pid, flush=True); time.sleep(60)"
)


def spec(name: str, program: str, stop_rank: int = 1) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", program), stop_rank)


def pool_of(*specs: ProcessSpec) -> tuple[Pool, io.StringIO]:
    screen = io.StringIO()
    environment = dict(os.environ)
    return Pool(specs, environment_for=lambda _: environment, folder=Path("/"), console=Console(screen)), screen


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_output_carries_the_name_of_its_process() -> None:
    async def scenario() -> str:
        pool, screen = pool_of(spec("talker", PATIENT))
        pool.start()
        await until(lambda: "up" in screen.getvalue())
        await pool.stop(grace_s=5, hurry=asyncio.Event())
        return screen.getvalue()

    assert asyncio.run(scenario()).splitlines()[0] == "talker   | up"


def test_a_lower_rank_ends_before_the_next_is_told_to() -> None:
    async def scenario() -> list[str]:
        goodbye = READY + (
            "signal.signal(signal.SIGTERM, lambda *_: (print('ended', flush=True), sys.exit(0))); "
            "print('up', flush=True); time.sleep(60)"
        )
        pool, screen = pool_of(spec("beat", goodbye, 2), spec("web", goodbye, 0), spec("route", goodbye, 1))
        pool.start()
        await until(lambda: screen.getvalue().count("up") == 3)
        await pool.stop(grace_s=8, hurry=asyncio.Event())
        return [line.split()[0] for line in screen.getvalue().splitlines() if line.endswith("ended")]

    assert asyncio.run(scenario()) == ["web", "route", "beat"]


def test_what_ignores_the_request_is_killed_when_the_grace_is_over() -> None:
    async def scenario() -> tuple[float, str]:
        pool, screen = pool_of(spec("stubborn", STUBBORN), spec("patient", PATIENT))
        pool.start()
        await until(lambda: screen.getvalue().count("up") == 2)
        began = time.monotonic()
        await pool.stop(grace_s=0.5, hurry=asyncio.Event())
        return time.monotonic() - began, screen.getvalue()

    seconds, screen = asyncio.run(scenario())
    assert 0.5 <= seconds < 3
    assert "stubborn did not stop in time and was killed." in screen
    assert "patient did not" not in screen


def test_a_second_request_does_not_wait_for_the_grace() -> None:
    async def scenario() -> float:
        pool, screen = pool_of(spec("stubborn", STUBBORN))
        pool.start()
        await until(lambda: "up" in screen.getvalue())
        hurry = asyncio.Event()
        hurry.set()
        began = time.monotonic()
        await pool.stop(grace_s=60, hurry=hurry)
        return time.monotonic() - began

    assert asyncio.run(scenario()) < 3


def test_a_dead_process_is_started_again_and_said_loudly() -> None:
    async def scenario() -> tuple[str, int]:
        pool, screen = pool_of(spec("route", PATIENT))
        pool.start()
        await until(lambda: screen.getvalue().count("up") == 1)
        member = pool.members[0]
        assert member.child is not None
        member.child.process.send_signal(signal.SIGKILL)
        await until(lambda: screen.getvalue().count("up") == 2)
        await pool.stop(grace_s=5, hurry=asyncio.Event())
        return screen.getvalue(), member.deaths

    screen, deaths = asyncio.run(scenario())
    assert "!! route died (killed by SIGKILL); starting it again in" in screen
    assert deaths == 1


def test_the_children_of_a_dead_process_die_with_it() -> None:
    async def scenario() -> int:
        pool, screen = pool_of(spec("web", PARENT))
        pool.start()
        await until(lambda: "child" in screen.getvalue())
        child = int(screen.getvalue().split()[3])
        assert is_alive(child)
        member = pool.members[0]
        assert member.child is not None
        member.child.process.send_signal(signal.SIGKILL)
        await until(lambda: not is_alive(child))
        await pool.stop(grace_s=5, hurry=asyncio.Event())
        return child

    asyncio.run(scenario())


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    async def scenario() -> list[str]:
        pool, screen = pool_of(spec("flood", "print('x' * 300_000, end='', flush=True); import time; time.sleep(60)"))
        pool.start()
        await until(lambda: screen.getvalue().count("x") >= 200_000)
        await pool.stop(grace_s=5, hurry=asyncio.Event())
        return screen.getvalue().splitlines()

    lines = asyncio.run(scenario())
    assert len(lines) > 1
    assert max(map(len, lines)) < 200_000


def test_a_status_is_told_in_words() -> None:
    assert [describe_status(status) for status in (None, 0, 3, -9)] == [
        "not started",
        "exit status 0",
        "exit status 3",
        "killed by SIGKILL",
    ]
