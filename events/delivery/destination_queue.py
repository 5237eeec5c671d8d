"""A destination's queue in one delivery worker: its claimed jobs, what may start now, and how many more to claim. Pure.

At most `max_concurrency` are sent at once. It claims ahead as far as it can send soon: a fast receiver's queue holds
several rounds, so that claims stay large; a slow one's what it can start at once, so that no lease runs out.
Bulk work takes nothing from live traffic: it starts when nothing else waits, leaves some of the senders free, is begun
at the pace at which the worker stays punctual, and what of it is held ahead counts only against more of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from events.delivery.jobs import ClaimedJob, Room
from events.delivery.rate_slots import RateSlots

_AHEAD_S = 0.5
_MAX_ROUNDS = 4
_SMOOTHING = 0.1
# Of ten senders, so many are kept from bulk work.
_KEPT_OF_TEN = 1

TICK_S = 0.005
# Live traffic may wait so long for the event loop. A loop that is this late has had more to do than fits into a tick.
_PUNCTUAL_S = 0.005
_FIRST_BURST = 4
_MAX_BURST = 64


@dataclass(slots=True)
class DestinationQueue:
    """`max_concurrency` is the destination's and may change at any time. Each job brings its rate slot along."""

    destination_id: str
    max_concurrency: int
    waiting: deque[ClaimedJob] = field(default_factory=deque)
    # Of bulk operations.
    behind: deque[ClaimedJob] = field(default_factory=deque)
    in_flight: int = 0
    bulk_in_flight: int = 0
    slots: RateSlots = field(default_factory=RateSlots)
    # The last claim filled the room it had: there may be more.
    hungry: bool = False
    latency_s: float | None = None

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.behind) + self.in_flight

    def add(self, job: ClaimedJob) -> None:
        (self.behind if job.is_bulk else self.waiting).append(job)

    @property
    def may_start(self) -> bool:
        """True when a job of live traffic has a slot and a sender."""
        return bool(self.waiting) and self._has_room_to_start

    @property
    def may_start_bulk(self) -> bool:
        return not self.waiting and bool(self.behind) and self._has_room_to_start and self._bulk_has_room_to_start

    def start_next(self) -> ClaimedJob:
        """Only when one may start."""
        job = (self.waiting or self.behind).popleft()
        self.slots.open -= 1
        self.in_flight += 1
        self.bulk_in_flight += job.is_bulk
        return job

    def end(self, job: ClaimedJob) -> None:
        self.in_flight -= 1
        self.bulk_in_flight -= job.is_bulk

    def take_all(self) -> list[ClaimedJob]:
        """What has not begun; it is not waiting here any more."""
        unstarted = [*self.waiting, *self.behind]
        self.waiting.clear()
        self.behind.clear()
        self.slots.open = 0
        return unstarted

    @property
    def room(self) -> Room:
        """How many more jobs to claim."""
        bulk = max(0, self._capacity - self.load)
        return Room(jobs=max(bulk, self._capacity - self.load + len(self.behind)), bulk=bulk)

    @property
    def runs_low(self) -> bool:
        """True when a claim is worth it now; other queues are refilled along with this one."""
        return self.hungry and self.load <= self._capacity // 2

    def note_claim(self, room: Room, *, taken: int, taken_in_bulk: int) -> None:
        """What a claim that offered `room` brought. One that asked for no bulk work has not seen whether there is."""
        if taken >= room.jobs or (room.bulk and taken_in_bulk >= room.bulk):
            self.hungry = True
        elif room.bulk:
            self.hungry = False

    def observe(self, latency_s: float) -> None:
        before = latency_s if self.latency_s is None else self.latency_s
        self.latency_s = before + _SMOOTHING * (latency_s - before)

    @property
    def _has_room_to_start(self) -> bool:
        return self.slots.open > 0 and self.in_flight < self.max_concurrency

    @property
    def _bulk_has_room_to_start(self) -> bool:
        kept = -(-self.max_concurrency * _KEPT_OF_TEN // 10)
        return self.bulk_in_flight < max(1, self.max_concurrency - kept)

    @property
    def _capacity(self) -> int:
        if self.latency_s is None:
            return self.max_concurrency
        rounds = min(_MAX_ROUNDS, _AHEAD_S / max(self.latency_s, 0.001))
        return max(self.max_concurrency, int(self.max_concurrency * rounds))


@dataclass(slots=True)
class BulkPace:
    """How many deliveries of bulk work a worker begins each TICK_S, so that its event loop stays punctual: one more
    after each punctual tick, half as many after a late one."""

    burst: int = _FIRST_BURST

    def observe(self, lateness_s: float) -> None:
        self.burst = max(1, self.burst // 2) if lateness_s > _PUNCTUAL_S else min(_MAX_BURST, self.burst + 1)
