"""An installation is whatever a checkout's own start script runs; these checkouts have one of a few lines."""

import asyncio
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.installation import Installation, InstallationError

ANSWERS = f"""#!/bin/sh
echo "data in $DATA_DIR, database ${{DATABASE_URL:-its own}}, in $PWD"
exec {sys.executable} -c '
import http.server, os
class Ready(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ready).serve_forever()
'
"""


def checkout(tmp_path: Path, script: str) -> Path:
    folder = tmp_path / "checkout"
    (folder / "script").mkdir(parents=True)
    (folder / "script" / "up").write_text(script)
    (folder / "script" / "up").chmod(0o755)
    return folder


def installation(tmp_path: Path, script: str) -> Installation:
    return Installation(tmp_path, data_dir=tmp_path / "data", settings={}, checkout=checkout(tmp_path, script))


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_ended(pid: int) -> None:
    deadline_s = time.monotonic() + 10
    while not has_ended(pid):
        assert time.monotonic() < deadline_s


def test_the_checkouts_own_script_is_started_with_data_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://somebody/else")

    async def start_and_stop() -> int:
        started = installation(tmp_path, ANSWERS)
        await started.start()
        pid = started.supervisor_pid
        await started.stop()
        return pid

    wait_until_ended(asyncio.run(start_and_stop()))
    said = (tmp_path / "up.log").read_text().splitlines()[0]
    assert said == f"data in {tmp_path / 'data'}, database its own, in {tmp_path / 'checkout'}"


def test_one_that_cannot_start_says_what_it_printed_last(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match=r"ended by itself.\nno such wheel$"):
        asyncio.run(installation(tmp_path, "#!/bin/sh\necho no such wheel\nexit 1\n").start())


def test_stopping_while_packages_are_installed_ends_the_installer_too(tmp_path: Path) -> None:
    async def give_up() -> None:
        installing = installation(tmp_path, "#!/bin/sh\n(echo installing; sleep 600)\necho never\n")
        try:
            with pytest.raises(InstallationError, match="not ready within 0 s"):
                await installing.start(patience_s=0.0)
            installer = await child_of(installing.supervisor_pid)
        finally:
            await installing.stop()
        wait_until_ended(installer)

    async def child_of(pid: int) -> int:
        deadline_s = time.monotonic() + 10
        while not (children := psutil.Process(pid).children(recursive=True)):
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.01)
        return int(children[-1].pid)

    asyncio.run(give_up())
