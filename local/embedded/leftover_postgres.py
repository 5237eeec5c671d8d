"""A leftover Postgres of an earlier supervisor, ended, and the pid file of a crash or a reboot, cleared.

After a reboot the recorded pid may belong to any process, and Postgres would take that for a live server. The file may
only go when no backend is left either: it is what keeps two servers off one data folder.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from local.embedded.errors import EmbeddedError

# A backend notices the death of its postmaster within moments and ends by itself.
STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def end_leftover(cluster: Path) -> None:
    """Stop whatever still serves `cluster`, then drop its postmaster.pid. Without /proc Postgres judges for itself."""
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists() or not Path("/proc/self").exists():
        return
    for number, patience_s in STEPS:
        deadline = time.monotonic() + patience_s
        for pid in postgres_processes(cluster):
            _signal(pid, number)
        while postgres_processes(cluster):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            pid_file.unlink(missing_ok=True)
            return
    raise EmbeddedError(f"A Postgres left over on {cluster} does not end: processes {postgres_processes(cluster)}.")


def postgres_processes(cluster: Path) -> list[int]:
    """The pids of every Postgres process, server or backend, that works in this data folder."""
    home = cluster.resolve()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _works_in(entry, home)]


def _works_in(process: Path, home: Path) -> bool:
    try:
        if (process / "comm").read_text().strip() != "postgres":
            return False
        return Path(os.readlink(process / "cwd")) == home
    except OSError:
        # Ended meanwhile, or somebody else's, which cannot be on a folder that only its owner can enter.
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
