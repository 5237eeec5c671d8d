"""The bulk worker's time: operations and backtests share it in turns of about two seconds, while both have work."""

from __future__ import annotations

import threading
import time

from events.bulk import progress as operations
from events.bulk.runner import take_turn
from events.preview.backtest import progress as backtests
from events.preview.backtest.runner import Backtester
from fasthook.lib.nudge import nudge


class BulkWork:
    """One per bulk process."""

    def __init__(self) -> None:
        # A backtest's turn is longer, since some cost much to take on. Operations have theirs in between its pages.
        self._backtester = Backtester(give_way=take_turn)

    def drain(self, *, seconds: float, stopping: threading.Event) -> None:
        """Works on what is due until nothing is, or the time is over at the end of a turn."""
        over_at = time.monotonic() + seconds
        while not stopping.is_set() and time.monotonic() < over_at:
            turns = [take_turn(stopping), self._backtester.take_turn(stopping)]
            if not any(turns):
                return
        for stage, is_any_due in (("bulk", operations.is_any_due), ("backtest", backtests.is_any_due)):
            if is_any_due():
                nudge(stage)

    def close(self) -> None:
        self._backtester.close()
