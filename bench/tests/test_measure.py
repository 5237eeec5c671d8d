"""CPU goes to the right role, and counters are differences."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.measure import Meter, PostgresCounters, Usage, product_pid, role_of
from bench.tests.processes import BURN, line_of, python, tell


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("gunicorn: master [fasthook.asgi]", "web"),
        ("python -m gunicorn fasthook.asgi:application -k uvicorn_worker.UvicornWorker", "web"),
        ("python -m celery -A fasthook worker -Q deliver -c 1", "worker:deliver"),
        ("python -m celery -A fasthook worker --queues=route,bulk", "worker:route,bulk"),
        ("python -m celery -A fasthook worker", "worker"),
        ("python -m celery -A fasthook beat", "beat"),
        ("postgres: fasthook app 127.0.0.1(5000) idle", "postgres"),
        ("valkey-server 127.0.0.1:6399", "cache"),
        ("python -I -S -B -c import sys; from connections.sandbox.runtime import main; main() /celery", "sandbox"),
        ("python script/up", "other"),
    ],
)
def test_a_command_line_has_a_role(line: str, role: str) -> None:
    assert role_of(line.split(" "), "python") == role


def test_cpu_burnt_in_the_block_is_measured_and_memory_seen() -> None:
    async def burn() -> tuple[dict[str, float], dict[str, int]]:
        async with Meter(pid=os.getpid(), database_url=None).measuring() as usage:
            await asyncio.sleep(0)
            until_s = time.process_time() + 0.2
            while time.process_time() < until_s:
                pass
        return usage.cpu_s, usage.peak_bytes

    cpu_s, peak_bytes = asyncio.run(burn())
    assert 0.15 <= sum(cpu_s.values()) < 1.5
    assert sum(peak_bytes.values()) > 10_000_000


def test_work_that_a_block_left_behind_is_in_its_cpu_when_calm_is_waited_for() -> None:
    begins_and_burns = "print(flush=True)\n" + BURN.replace("0.3", "1.0") + "sys.stdin.read()"

    async def leave_early(pid: int, until_calm: bool) -> Usage:
        async with Meter(pid=pid, database_url=None, until_calm=until_calm).measuring() as usage:
            pass
        return usage

    def spent(until_calm: bool) -> Usage:
        with python(begins_and_burns) as process:
            line_of(process)
            return asyncio.run(leave_early(process.pid, until_calm))

    at_once, calm = spent(until_calm=False), spent(until_calm=True)
    assert at_once.cpu.total_s < 0.5 < calm.cpu.total_s
    assert at_once.calm_s == 0.0 < calm.calm_s


def test_a_process_that_ended_in_the_block_is_in_the_whole() -> None:
    """A killed worker's time goes to its parent, and with it to the role of that."""
    run = f"import subprocess, sys; sys.stdin.readline(); subprocess.run([sys.executable, '-c', {BURN!r}])"

    async def end_one(process: subprocess.Popen[bytes]) -> float:
        async with Meter(pid=process.pid, database_url=None).measuring() as usage:
            tell(process)
            line_of(process)
        return usage.cpu.total_s

    with python(f"{run}; print(flush=True); sys.stdin.read()") as process:
        assert asyncio.run(end_one(process)) >= 0.29


def test_workers_are_the_processes_of_a_role_without_children_of_it() -> None:
    """A master with two workers counts as two: it only waits for them. What has another role is none of them."""
    say_and_wait = "import os, sys; os.write(1, b'.'); sys.stdin.read()"
    fork_three = (
        f"import subprocess, sys; wait = [sys.executable, '-c', {say_and_wait!r}];"
        "roles = [['gunicorn'], ['gunicorn'], ['celery', 'beat']];"
        "children = [subprocess.Popen([*wait, *role]) for role in roles];"
        "[child.wait() for child in children]"
    )
    command = [sys.executable, "-c", fork_three, "gunicorn"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as master:
        assert master.stdout is not None
        assert master.stdout.read(3) == b"..."
        meter = Meter(pid=master.pid, database_url=None)
        assert (meter.worker_count("web"), meter.worker_count("worker:deliver")) == (2, 1)


def test_a_sandbox_counts_as_the_worker_that_started_it() -> None:
    burn = "import time\nuntil_s = time.process_time() + 0.3\nwhile time.process_time() < until_s: pass\n"
    child = f"{burn}print('burnt', flush=True); import sys; sys.stdin.read()"
    # The worker's own command line must not have the name of the sandbox in it.
    marker = "'.'.join(['connections', 'sandbox', 'runtime'])"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, {marker}])"
    command = [sys.executable, "-c", parent, "celery", "-Q", "route"]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        meter = Meter(pid=worker.pid, database_url=None)
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"burnt\n"
        cpu_s = meter._cpu_by_role()
        assert cpu_s["worker:route"].total_s >= 0.25
        assert "sandbox" not in cpu_s
        assert meter.worker_count("worker:route") == 1


def test_without_a_supervisor_nothing_is_claimed() -> None:
    async def idle() -> dict[str, float]:
        async with Meter(pid=None, database_url=None).measuring() as usage:
            pass
        return usage.cpu_s

    assert asyncio.run(idle()) == {}


def test_counters_are_differences() -> None:
    before = PostgresCounters(100, 1, 1000, 10, 5, 50_000, None)
    after = PostgresCounters(150, 1, 3000, 20, 5, 90_000, None)
    assert after.since(before) == PostgresCounters(50, 0, 2000, 10, 0, 40_000, None)


def test_the_supervisor_is_the_running_process_its_file_names(tmp_path: Path) -> None:
    assert product_pid(None, tmp_path) is None
    (tmp_path / "supervisor.lock").write_text(f"{os.getpid()}\n")
    assert product_pid(None, tmp_path) == os.getpid()
    (tmp_path / "supervisor.lock").write_text("4194999\n")
    assert product_pid(None, tmp_path) is None
    assert product_pid(os.getpid(), tmp_path) == os.getpid()


def test_a_stopped_role_does_nothing_until_the_block_ends() -> None:
    echo = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)\n"
    command = [sys.executable, "-c", echo, "celery", "-Q", "route"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as each:
        assert each.stdin is not None
        assert each.stdout is not None
        meter = Meter(pid=each.pid, database_url=None)
        with meter.stopped("worker:deliver"):
            each.stdin.write(b"not it\n")
            each.stdin.flush()
            assert each.stdout.readline() == b"not it\n"
        with meter.stopped("worker:route"):
            deadline_s = time.monotonic() + 10
            while psutil.Process(each.pid).status() != psutil.STATUS_STOPPED:
                assert time.monotonic() < deadline_s
        each.stdin.write(b"on\n")
        each.stdin.flush()
        assert each.stdout.readline() == b"on\n"
        each.stdin.close()
