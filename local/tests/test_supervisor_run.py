"""One whole run with small stand-ins for the web process and the steps."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.embedded import EmbeddedServices
from local.supervisor.leftover_processes import MARK, end_leftovers, marked_processes
from local.supervisor.output import Console
from local.supervisor.run import Plan, Run, RunError, python_step
from local.supervisor.specs import ProcessSpec

WEB = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(os.environ["ANSWER"])); self.end_headers(); self.wfile.write(b"redis: down")
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
BROKEN = "import sys; print('no such module: fasthook.asgi'); sys.exit(3)"


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def run_of(
    folder: Path, *, web: str, answer: str = "200", patience_s: float = 15.0, step: str = ""
) -> tuple[Run, io.StringIO]:
    port = free_port()
    environment = {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": port,
        "BASE_URL": f"http://127.0.0.1:{port}",
        "ANSWER": answer,
    }
    plan = Plan(
        folder,
        folder,
        environment,
        steps=(python_step("migrate", "-c", step or "print('migrated')"),),
        specs=(ProcessSpec("web", (sys.executable, "-c", web), 0),),
        ready_patience_s=patience_s,
    )
    screen = io.StringIO()
    services = EmbeddedServices(folder, postgres=False, valkey=False)
    return Run(plan, services=services, console=Console(screen)), screen


async def stop_when_shown(run: Run, screen: io.StringIO, text: str) -> None:
    task = asyncio.create_task(run.main())
    async with asyncio.timeout(20):
        while text not in screen.getvalue() and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)
    await task


def test_steps_then_processes_then_the_addresses_until_a_signal(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text(
        '{"email": "owner@example.com", "password": "pw", "api_key": "k1", "source_url": "http://127.0.0.1:1/in/x/"}'
    )

    async def scenario() -> str:
        run, screen = run_of(tmp_path, web=WEB)
        await stop_when_shown(run, screen, "Ctrl-C stops everything.")
        return screen.getvalue()

    screen = asyncio.run(scenario())
    for shown in (
        "migrate  | migrated",
        "/v1/docs",
        "/admin/",
        "owner@example.com  pw",
        """curl -X POST http://127.0.0.1:1/in/x/ -H 'Content-Type: application/json' -d '{"hello":"world"}'""",
        "Stopped.",
    ):
        assert shown in screen
    assert screen.index("migrated") < screen.index("is ready at")
    assert marked_processes(tmp_path) == []


def test_a_failing_step_ends_the_start_before_any_process(tmp_path: Path) -> None:
    async def scenario() -> Run:
        run, _ = run_of(tmp_path, web=WEB, step="import sys; sys.exit(4)")
        with pytest.raises(RunError, match="'migrate' failed \\(exit status 4\\)"):
            await run.main()
        return run

    assert asyncio.run(scenario()).pool.members[0].child is None


def test_a_process_that_keeps_dying_ends_the_start_with_its_last_lines(tmp_path: Path) -> None:
    async def scenario() -> str:
        run, _ = run_of(tmp_path, web=BROKEN)
        with pytest.raises(RunError) as report:
            await run.main()
        return str(report.value)

    report = asyncio.run(scenario())
    assert "did not become ready" in report
    assert "web: exit status 3, died 3 times" in report
    assert "    no such module: fasthook.asgi" in report


def test_what_is_not_ready_in_time_is_told_with_the_answer(tmp_path: Path) -> None:
    async def scenario() -> str:
        run, _ = run_of(tmp_path, web=WEB, answer="503", patience_s=1.5)
        with pytest.raises(RunError) as report:
            await run.main()
        return str(report.value)

    report = asyncio.run(scenario())
    assert "/readyz answered 503: redis: down" in report
    assert "web: running, died 0 times" in report


def test_processes_of_an_earlier_supervisor_are_ended_and_others_are_not(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        subprocess.Popen(sleeper, env={**os.environ, MARK: str(tmp_path)}) as ours,
        subprocess.Popen(sleeper, env={**os.environ, MARK: f"{tmp_path}2"}) as other,
    ):
        deadline = time.monotonic() + 10
        while marked_processes(tmp_path) != [ours.pid]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert end_leftovers(tmp_path) == [ours.pid]
        assert ours.wait() == -signal.SIGTERM
        assert other.poll() is None
        other.kill()
