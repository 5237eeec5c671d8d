"""What the child is and has: nothing to steal, and no way out even for native code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connections.sandbox import child_process as child_module
from connections.sandbox.child_process import ROOT, SandboxUnavailable
from connections.sandbox.jobs import RunStatus
from connections.sandbox.sandbox import Sandbox
from connections.sandbox.tests.sandboxes import job, made


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """Started by a process that has a secret, an inheritable descriptor, and a folder of its own."""
    monkeypatch.setenv("SECRET_KEY", "a secret of the worker")
    monkeypatch.chdir(tmp_path)
    descriptor = os.open(tmp_path / "open", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(descriptor, True)
    sandbox = Sandbox()
    sandbox.run(job("return request;"))
    yield sandbox
    sandbox.close()
    os.close(descriptor)


def test_the_child_has_no_environment_no_descriptors_but_its_pipes_and_no_folder(sandbox: Sandbox) -> None:
    proc = Path(f"/proc/{sandbox.child_pid}")
    if os.getuid() != 0:
        with pytest.raises(PermissionError):  # nobody of its own user can look
            (proc / "environ").read_bytes()
        return
    assert (proc / "environ").read_bytes() == b""
    targets = {entry.name: os.readlink(entry) for entry in (proc / "fd").iterdir()}
    assert set(targets) == {"0", "1", "2"}
    assert targets["0"].startswith("pipe:")
    assert targets["1"].startswith("pipe:")
    assert targets["2"] == "/dev/null"
    assert os.readlink(proc / "cwd") == "/"


def test_the_child_is_confined_for_good(sandbox: Sandbox) -> None:
    proc = Path(f"/proc/{sandbox.child_pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Threads"] == "1"
    limits = {line[:25].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
    for name, value in (
        ("Max file size", "0"),
        ("Max processes", "0"),
        ("Max open files", "3"),
        ("Max core file size", "0"),
    ):
        assert limits[name] == [value, value], name
    assert int(limits["Max address space"][1]) < 1 << 30


def test_the_child_does_not_know_django_or_the_packages(sandbox: Sandbox) -> None:
    maps = Path(f"/proc/{sandbox.child_pid}/maps")
    if os.getuid() != 0:
        with pytest.raises(PermissionError):
            maps.read_text()
        return
    mapped = maps.read_text()
    assert "_quickjs" in mapped
    assert "psycopg" not in mapped
    assert "orjson" not in mapped


def test_no_javascript_sees_an_environment_or_a_host(sandbox: Sandbox) -> None:
    code = """
      const names = [];
      for (let at = globalThis; at; at = Object.getPrototypeOf(at)) names.push(...Object.getOwnPropertyNames(at));
      request.body = {
        env: process.env,
        process: Object.keys(process),
        host: names.filter((name) => name.startsWith("__")).filter((name) => !(name in Object.prototype)),
        absent: ["require", "std", "os", "Deno", "fetch", "setTimeout", "XMLHttpRequest", "Worker"].filter(
          (name) => name in globalThis,
        ),
      };
      return request;
    """
    assert made(sandbox.run(job(code, env={"KEY": "v"}))) == {
        "env": {"KEY": "v"},
        "process": ["env"],
        "host": [],
        "absent": [],
    }


# What native code could try once it had broken out of the engine: each answers "not permitted", none ends the process.
ATTEMPTS = """
import ctypes, os, socket, sys
from connections.sandbox.confine import confine
libc = ctypes.CDLL(None, use_errno=True)
confine(memory_bytes=64 << 20, cpu_s=10)
def attempt(call, *arguments):
    result = call(*arguments)
    return ctypes.get_errno() if result == -1 else result
print([
    attempt(libc.open, b"/etc/passwd", 0),
    attempt(libc.socket, 2, 1, 0),
    attempt(libc.fork),
    attempt(libc.execve, b"/bin/true", None, None),
    attempt(libc.kill, 1, 0),
    attempt(libc.ptrace, 16, 1, 0, 0),
    attempt(libc.unlink, b"/tmp/x"),
], flush=True)
try:
    bytearray(400 << 20)
except MemoryError:
    print("bounded")
"""


def test_native_code_gets_no_files_sockets_processes_or_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}){ATTEMPTS}"],
        capture_output=True,
        text=True,
        env={},
        timeout=30,
    )
    assert (done.stdout.splitlines(), done.returncode) == (["[1, 1, 1, 1, 1, 1, 1]", "bounded"], 0), done.stderr


def test_the_child_ends_when_its_parent_is_gone() -> None:
    source = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n"
        "from connections.sandbox.sandbox import Sandbox\n"
        "from connections.sandbox.tests.sandboxes import job\n"
        "import os; sandbox = Sandbox(); sandbox.run(job('return request;'))\n"
        "print(sandbox.child_pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True)
    pid = int(done.stdout)
    for _ in range(2000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
    pytest.fail("the child is still there")


def test_an_engine_that_does_not_start_is_the_machines_fault_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "BOOT", "raise SystemExit(3)")
    with pytest.raises(SandboxUnavailable, match="did not start"):
        Sandbox().run(job("return request;"))
    monkeypatch.undo()
    sandbox = Sandbox()
    assert sandbox.run(job("return request;")).status is RunStatus.SUCCESSFUL
    sandbox.close()


def test_a_sandbox_of_another_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox()
    sandbox.run(job("return request;"))
    inherited = sandbox._child
    assert inherited is not None
    sandbox._owner = -1
    assert sandbox.run(job("return request;")).status is RunStatus.SUCCESSFUL
    assert sandbox.child_pid != inherited.pid
    assert inherited.is_alive
    inherited.kill()
    sandbox.close()
