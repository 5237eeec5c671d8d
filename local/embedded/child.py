"""Long-lived child processes: each in its own session, no survivors when we are killed.

Linux ends the child when the *thread* that started it ends, so children are started from the main thread only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.embedded.account import Account

PR_SET_PDEATHSIG = 1
MAX_LOG_BYTES = 8 * 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A preexec_fn: the kernel sends `death_signal` to the child when its parent dies, however it dies.

    The library is loaded before the fork; after it nothing is imported, opened or allocated for long.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def spawn_server(
    command: Sequence[str | Path],
    *,
    account: Account,
    log: Path,
    death_signal: signal.Signals,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a server in its own session (a Ctrl-C at the terminal does not reach it), its output added to `log`."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep = log.exists() and log.stat().st_size < MAX_LOG_BYTES
    with log.open("ab" if keep else "wb") as output:
        return subprocess.Popen(  # noqa: S603
            [str(part) for part in command],
            cwd="/",
            env=server_environment(environment),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(death_signal),
            **account.popen_options(),
        )


def server_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of ours leaks into a server: no PG* variable that would steer it, no secret."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **(extra or {})}


def stop_child(process: subprocess.Popen[bytes], *, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait its seconds for the end; SIGKILL after the last."""
    for number, patience_s in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
        process.wait()
