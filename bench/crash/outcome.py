"""The outcome of one fault, and what is wrong with it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.crash.accounting import Recovery

ACCEPTABLE_ANSWERS = frozenset({*range(200, 300), 503})


@dataclass(frozen=True, slots=True)
class Leftover:
    """What is still there after everything should be settled: `waiting` as the API counts it, the rest as rows."""

    waiting: int = 0
    route_jobs: int = 0
    delivery_jobs: int = 0
    leases: int = 0

    @property
    def rows(self) -> int:
        return max(self.waiting, self.route_jobs + self.delivery_jobs)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one fault under load.

    `offered` requests were planned; `statuses` counts their answers, `unanswered` had none. `unaccepted` were delivered
    although no 2xx was seen. `lost`: answered 2xx and neither delivered nor waiting. `repeats`: calls for an event that
    the receiver had answered 2xx before. `forks`: second events of one request. `casualties`: processes that ended
    although the fault was not aimed at them. `stop_s`: what a stop took, where the fault is one.
    """

    scenario: str
    offered: int
    statuses: Mapping[int, int]
    unanswered: int
    delivered: int
    unaccepted: int
    lost: int
    repeats: int
    in_flight: int
    forks: int
    recovery: Recovery
    leftover: Leftover
    casualties: tuple[str, ...] = ()
    stop_s: float | None = None
    must_refuse: bool = False

    @property
    def accepted(self) -> int:
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def refused(self) -> int:
        """Answered, but not with 2xx."""
        return sum(self.statuses.values()) - self.accepted

    @property
    def faults(self) -> list[str]:
        """What must not be, in words; empty when the product kept its promises."""
        odd = {status: count for status, count in self.statuses.items() if status not in ACCEPTABLE_ANSWERS}
        found = [
            (self.lost > 0, f"{self.lost} lost"),
            (self.leftover.rows > 0, f"{self.leftover.rows} stuck ({self.leftover})"),
            (self.leftover.leases > 0, f"{self.leftover.leases} leases left"),
            (self.repeats > self.in_flight, f"{self.repeats} repeats, {self.in_flight} in flight"),
            (self.forks > 0, f"{self.forks} requests made two events"),
            (self.recovery.first_s is None, "nothing was delivered after the fault"),
            (bool(odd), f"answers other than 2xx and 503: {odd}"),
            (bool(self.casualties), f"ended besides: {', '.join(self.casualties)}"),
            (self.must_refuse and not self.statuses.get(503), "nothing was refused: the fault did not bite"),
            (self.stop_s is not None and self.stop_s >= STOP_LIMIT_S, f"the stop took {self.stop_s} s"),
        ]
        return [words for is_fault, words in found if is_fault]

    @property
    def is_sound(self) -> bool:
        return not self.faults


STOP_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A fault that this machine does not let us make."""

    scenario: str
    reason: str


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the asked scenarios, in their order."""

    outcomes: tuple[Outcome, ...] = ()
    left_out: tuple[LeftOut, ...] = field(default=())

    @property
    def is_sound(self) -> bool:
        return all(outcome.is_sound for outcome in self.outcomes)
