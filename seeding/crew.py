"""The processes that load history: each takes one stretch after another. Nothing here needs Django's models, so that a
process starts quickly.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Sequence
from multiprocessing.queues import SimpleQueue
from multiprocessing.sharedctypes import Synchronized

from fasthook.lib.errors import Unavailable
from fasthook.lib.sql import DataConnection
from seeding.loading import load_stretch
from seeding.rows import Stretch
from seeding.shapes import SeedRoutes

_LOOK_S = 0.1


class Crew:
    def __init__(self, routes: SeedRoutes, stretches: Sequence[Stretch], *, seed: str, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._events = context.Value("q", 0)
        # Kept: the processes find it by name, and it goes with its last owner.
        self._left: SimpleQueue[Stretch | None] = context.SimpleQueue()
        self._processes = [
            context.Process(target=_work, args=(routes, self._left, seed, self._events), daemon=True)
            for _ in range(min(processes, max(1, len(stretches))))
        ]
        for process in self._processes:
            process.start()
        for stretch in (*stretches, *[None] * len(self._processes)):
            self._left.put(stretch)

    @property
    def events(self) -> int:
        """Written so far, in stretches that are finished or being loaded."""
        written: int = self._events.value
        return written

    def is_working(self, seconds: float) -> bool:
        """Whether there is work left after that time; False as soon as there is none. Unavailable when one failed."""
        over_at = time.monotonic() + seconds
        while any(process.is_alive() for process in self._processes):
            self._look_for_failures()
            if time.monotonic() >= over_at:
                return True
            time.sleep(_LOOK_S)
        self._look_for_failures()
        return False

    def end(self) -> None:
        """Ends the processes that still work. Postgres rolls back what was not committed."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    def _look_for_failures(self) -> None:
        if any(process.exitcode for process in self._processes):
            raise Unavailable("a loading process failed, see above; its day left nothing behind. Run it again to go on")


def _work(
    routes: SeedRoutes, stretches_left: SimpleQueue[Stretch | None], seed: str, events: Synchronized[int]
) -> None:
    # Ctrl-C is the parent's affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def count(loaded: int) -> None:
        with events.get_lock():
            events.value += loaded

    database = DataConnection("seed_history")
    try:
        while (stretch := stretches_left.get()) is not None:
            database.run(load_stretch, routes, stretch, seed=seed, loaded=count)
    finally:
        database.close()
