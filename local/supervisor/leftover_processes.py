"""Leftover processes of an earlier supervisor of the same data folder, found by a mark in their environment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

MARK = "FASTHOOK_SUPERVISED"
PATIENCE_S = 3.0


def end_leftovers(data_dir: Path) -> list[int]:
    """Ask them to end, kill those that do not; the pids found. Call only while holding the folder's lock."""
    found = marked_processes(data_dir)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in marked_processes(data_dir):
            _signal(pid, number)
        deadline = time.monotonic() + PATIENCE_S
        while marked_processes(data_dir) and time.monotonic() < deadline:
            time.sleep(0.05)
    return found


def marked_processes(data_dir: Path) -> list[int]:
    mark = os.fsencode(f"{MARK}={data_dir}")
    folders = Path("/proc").iterdir() if Path("/proc/self").exists() else ()
    pids = [int(entry.name) for entry in folders if entry.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and mark in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        # Ended meanwhile, or another user's.
        return []


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
