"""What a load leaves behind: latencies, status counts, accepted sequence numbers; and the percentiles of a series."""

import math
import time
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from bench.http import LOST


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Nearest-rank percentiles in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One finished load.

    `latencies_s` has one entry per answer; `accepted` the sequence numbers answered 2xx; `lost_connections` requests
    whose connection ended first; `unanswered` requests without an answer at the end; `send_lag_s` how late each request
    left after its planned time (empty for a closed loop); `cpu_s` what the generator itself burnt.
    """

    planned: int
    sent: int
    elapsed_s: float
    cpu_s: float
    latencies_s: "array[float]"
    send_lag_s: "array[float]"
    statuses: dict[int, int]
    accepted: "array[int]"
    lost_connections: int
    unanswered: int

    @property
    def accepted_per_s(self) -> float:
        return len(self.accepted) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def refused(self) -> int:
        """Everything planned that did not end in a 2xx."""
        return self.planned - len(self.accepted)


class Recorder:
    """Collects while a load runs; appended to on the hot path, so plain attributes and no checks."""

    __slots__ = ("_cpu_started_s", "_started_s", "accepted", "latencies_s", "lost", "send_lag_s", "sent", "statuses")

    def __init__(self) -> None:
        self.sent = 0
        self.lost = 0
        self.latencies_s = array("d")
        self.send_lag_s = array("d")
        self.statuses: dict[int, int] = {}
        self.accepted = array("q")
        self._started_s = time.perf_counter()
        self._cpu_started_s = time.process_time()

    def start_clock(self) -> float:
        self._started_s = time.perf_counter()
        self._cpu_started_s = time.process_time()
        return self._started_s

    def answered(self, seq: int, status: int, latency_s: float) -> None:
        if status == LOST:
            self.lost += 1
            return
        self.latencies_s.append(latency_s)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if 200 <= status < 300:
            self.accepted.append(seq)

    def finish(self, planned: int) -> LoadResult:
        return LoadResult(
            planned=planned,
            sent=self.sent,
            elapsed_s=time.perf_counter() - self._started_s,
            cpu_s=time.process_time() - self._cpu_started_s,
            latencies_s=self.latencies_s,
            send_lag_s=self.send_lag_s,
            statuses=self.statuses,
            accepted=self.accepted,
            lost_connections=self.lost,
            unanswered=self.sent - len(self.latencies_s) - self.lost,
        )


def percentiles_ms(values_s: Iterable[float]) -> Percentiles:
    """Nearest-rank percentiles of seconds, in milliseconds; all zero for an empty series."""
    ordered = sorted(values_s)
    if not ordered:
        return Percentiles(0, 0.0, 0.0, 0.0, 0.0)

    def at(percent: int) -> float:
        return ordered[math.ceil(percent * len(ordered) / 100) - 1] * 1000

    return Percentiles(len(ordered), at(50), at(95), at(99), ordered[-1] * 1000)
