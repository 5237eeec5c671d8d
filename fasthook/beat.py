"""Celery beat's scheduler, without its spinning."""

from __future__ import annotations

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Celery's own wakes 10 ms before an entry is due and looks again without a pause until it is.

    With an entry every second that is most of what an idle beat costs.
    """

    def adjust(self, n: float | None, drift: float = 0.0) -> float | None:
        """The seconds to sleep for `n` that are left: all of them."""
        return n
