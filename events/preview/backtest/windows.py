"""The deduplication windows of a backtest: opened by its own requests alone, kept in memory until they are over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from events.routing.decide import Branch
from events.routing.dedup import Window, judge_windows

# Looking for windows that are over begins at so many, and again whenever they have doubled.
LOOK_AT: Final = 1024


class BacktestWindows:
    def __init__(self) -> None:
        self._open: dict[tuple[str, bytes], Window] = {}
        self._look_at = LOOK_AT

    def __len__(self) -> int:
        return len(self._open)

    def judge(self, branches: Sequence[Branch]) -> list[Branch]:
        """The branches with repeats ignored; no window is opened by that."""
        return judge_windows(branches, self._of(branches))[0]

    def open_for(self, branches: Sequence[Branch]) -> None:
        """Opens the windows of branches that come next in the order of acceptance."""
        _, opened = judge_windows(branches, self._of(branches))
        self._open.update(opened)
        if len(self._open) >= self._look_at:
            self._forget_over(at=branches[-1].request.created_at)

    def _of(self, branches: Sequence[Branch]) -> dict[tuple[str, bytes], Window]:
        names = {(branch.connection.id, branch.dedup_key) for branch in branches if branch.dedup_key is not None}
        return {name: self._open[name] for name in names if name in self._open}

    def _forget_over(self, *, at: datetime) -> None:
        self._open = {name: window for name, window in self._open.items() if window.expires_at > at}
        self._look_at = max(LOOK_AT, 2 * len(self._open))
