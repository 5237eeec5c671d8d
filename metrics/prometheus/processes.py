"""Memory, processor time and age of living processes, as /proc tells them: only of those in our own pid namespace."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from fasthook.metrics.values import PID, PID_NAMESPACE, Published, pid_namespace


@dataclass(frozen=True, slots=True)
class Usage:
    resident_bytes: int
    cpu_seconds: float
    started_at: float


def process_samples(living: Iterable[Published]) -> Iterator[Metric]:
    """`process` and `number` name a place that restarts take again, so series do not multiply."""
    labels = ["process", "number"]
    memory = GaugeMetricFamily("fasthook_process_resident_memory_bytes", "Resident memory.", labels=labels)
    cpu = CounterMetricFamily("fasthook_process_cpu_seconds_total", "Processor time, user and system.", labels=labels)
    start = GaugeMetricFamily("fasthook_process_start_time_seconds", "When it started, Unix time.", labels=labels)
    here = pid_namespace()
    for each in living:
        usage = _usage(int(each.values[PID])) if each.values[PID_NAMESPACE] == here else None
        if usage is not None:
            memory.add_metric([each.name, str(each.number)], usage.resident_bytes)
            cpu.add_metric([each.name, str(each.number)], usage.cpu_seconds)
            start.add_metric([each.name, str(each.number)], usage.started_at)
    yield from (memory, cpu, start)


def _usage(pid: int) -> Usage | None:
    """None where there is no /proc, or when the process has ended. Fields: proc(5)."""
    try:
        # The command's name, in parentheses, may hold anything, spaces and parentheses included.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        up_s = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    user, system, started, pages = int(fields[11]), int(fields[12]), int(fields[19]), int(fields[21])
    started_at = time.time() - up_s + started / ticks
    return Usage(pages * os.sysconf("SC_PAGE_SIZE"), (user + system) / ticks, round(started_at))
