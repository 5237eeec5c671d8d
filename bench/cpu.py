"""CPU time of processes in user and system mode, that of their ended children included.

A process that ends is added to its parent's children times when the parent waits for it, so the living members of a
tree hold all that the tree has spent.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

# A tree that changes while it is read is read again; one that never stands still is taken as it is.
READINGS = 20


@dataclass(frozen=True, slots=True)
class CpuTime:
    user_s: float = 0.0
    system_s: float = 0.0

    @property
    def total_s(self) -> float:
        return self.user_s + self.system_s

    def __add__(self, other: "CpuTime") -> "CpuTime":
        return CpuTime(self.user_s + other.user_s, self.system_s + other.system_s)

    def since(self, before: "CpuTime") -> "CpuTime":
        """What was spent after `before`; never negative, since a tree may lose a process to somebody else."""
        return CpuTime(max(0.0, self.user_s - before.user_s), max(0.0, self.system_s - before.system_s))


def processes_of(root: int) -> list[psutil.Process]:
    """The process `root` and everything below it; empty when it has ended."""
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def read_processes(look: Callable[[], list[psutil.Process]]) -> list[tuple[psutil.Process, CpuTime]]:
    """What each process has spent since it began. One that ends between the reading of itself and that of its parent
    would count twice or not at all, so all are read between two looks that find the same ones."""
    found = look()
    for _ in range(READINGS):
        spent = [(process, read_process(process)) for process in found]
        still_there = look()
        if set(still_there) == set(found):
            break
        found = still_there
    return spent


def read_process(process: psutil.Process) -> CpuTime:
    """Its own time and that of its ended children; nothing when it is gone."""
    try:
        times = process.cpu_times()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return CpuTime()
    own = _exactly(process.pid, CpuTime(times.user, times.system))
    return own + CpuTime(times.children_user, times.children_system)


def _exactly(pid: int, ticks: CpuTime) -> CpuTime:
    """Ticks are 10 ms, which is too coarse for dozens of processes that hardly work: the process's CPU clock has the
    sum in nanoseconds, and ticks say only what part of it was user mode."""
    if sys.platform != "linux":
        return ticks
    try:
        # What clock_getcpuclockid(3) makes of a pid; Python does not offer it.
        total_s = time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return ticks
    share = ticks.user_s / ticks.total_s if ticks.total_s else 1.0
    return CpuTime(total_s * share, total_s * (1 - share))
