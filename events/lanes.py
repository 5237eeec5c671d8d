"""Lanes: one destination's claimed jobs in one delivery worker, and how many more it has room for. Pure.

A lane sends at most `max_concurrency` at once. It claims ahead as far as it can send soon: a fast receiver's lane
holds several rounds, so that claims stay large; a slow one's what it can start at once, so that no lease runs out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from events.queue import ClaimedJob

_AHEAD_S = 0.5
_MAX_ROUNDS = 4
_SMOOTHING = 0.1
# Timers are this imprecise. So much lateness is made up for; slots are wide enough to bear it (sql/queue.sql).
_LATE_S = 0.008


@dataclass(slots=True)
class Lane:
    destination_id: str
    max_concurrency: int
    waiting: deque[ClaimedJob] = field(default_factory=deque)
    # Of bulk operations: started when nothing else waits. What is claimed ahead would keep live traffic waiting else.
    behind: deque[ClaimedJob] = field(default_factory=deque)
    in_flight: int = 0
    # Claimed for a slot of the destination's rate that is still to come.
    slotted: int = 0
    # The last claim filled the room it had: there may be more.
    hungry: bool = False
    latency_s: float | None = None
    # Where the destination has a rate: the least time between two starts, and when the next one may be (steady clock).
    pace_s: float = 0.0
    next_start: float = 0.0

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.behind) + self.in_flight + self.slotted

    @property
    def has_waiting(self) -> bool:
        return bool(self.waiting or self.behind)

    def add(self, job: ClaimedJob) -> None:
        (self.waiting if job.batch_operation_id is None else self.behind).append(job)

    def take_next(self) -> ClaimedJob:
        return (self.waiting or self.behind).popleft()

    def take_all(self) -> list[ClaimedJob]:
        """What has not begun; it is not waiting here any more."""
        unstarted = [*self.waiting, *self.behind]
        self.waiting.clear()
        self.behind.clear()
        return unstarted

    @property
    def room(self) -> int:
        """How many more jobs to claim."""
        return max(0, self._capacity - self.load)

    @property
    def has_free_sender(self) -> bool:
        return self.in_flight < self.max_concurrency

    def wait_before_start(self, now: float) -> float:
        """Seconds until the rate lets another job start; 0 takes the start. What came late does not crowd together."""
        if self.pace_s and now < self.next_start:
            return self.next_start - now
        self.next_start = max(self.next_start, now - _LATE_S) + self.pace_s
        return 0.0

    @property
    def runs_low(self) -> bool:
        """Worth a claim of its own now; other lanes are refilled along with it."""
        return self.hungry and self.load <= self._capacity // 2

    def observe(self, latency_s: float) -> None:
        before = latency_s if self.latency_s is None else self.latency_s
        self.latency_s = before + _SMOOTHING * (latency_s - before)

    @property
    def _capacity(self) -> int:
        if self.latency_s is None:
            return self.max_concurrency
        rounds = min(_MAX_ROUNDS, _AHEAD_S / max(self.latency_s, 0.001))
        return max(self.max_concurrency, int(self.max_concurrency * rounds))
