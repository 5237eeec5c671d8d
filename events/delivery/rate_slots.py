"""Rate slots of one destination in one worker: each opens at its time and is taken by the job that is first then. Pure.

A claim gives them out, evenly spaced by the destination's rate (`slot_s` in sql/claims.sql), up to a second ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

# Timers are this imprecise. So much lateness is made up for; slots are wide enough to bear it (sql/claims.sql).
_LATE_S = 0.008


@dataclass(slots=True)
class RateSlots:
    """Without a rate a slot is open from the start, and `pace_s`, the least time between two starts, is 0."""

    open: int = 0
    pace_s: float = 0.0
    # When the next start may be (steady clock).
    next_start: float = 0.0

    def wait_before_start(self, now: float) -> float:
        """Seconds until the rate lets another job start; 0 takes the start. What came late does not crowd together."""
        if self.pace_s and now < self.next_start:
            return self.next_start - now
        self.next_start = max(self.next_start, now - _LATE_S) + self.pace_s
        return 0.0
