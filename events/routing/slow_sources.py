"""Slow sources: those whose transformations took long lately, and whether their requests may wait apart."""

from __future__ import annotations

import time
from collections.abc import Iterable

# Since its last long run.
SLOW_S = 60.0


class SlowSources:
    """Sources whose transformations took long lately, and whether their queue may have work."""

    def __init__(self) -> None:
        self.may_wait = True
        self._until: dict[str, float] = {}

    def learn(self, source_ids: Iterable[str]) -> None:
        until = time.monotonic() + SLOW_S
        self._until.update(dict.fromkeys(source_ids, until))

    def knows(self, source_id: str) -> bool:
        until = self._until.get(source_id)
        if until is not None and until < time.monotonic():
            del self._until[source_id]
            return False
        return until is not None
