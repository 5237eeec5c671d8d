"""Evidence budget: how many rejected requests of a source are stored in a minute; the others are counted. Pure."""

from __future__ import annotations


class EvidenceBudget:
    """How much evidence of rejected requests a source may still leave in this minute, in this process."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = -1
        self._used: dict[str, int] = {}

    def allows(self, source_id: str, *, now: float) -> bool:
        """`now` in seconds of any steady clock."""
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._used = minute, {}
        used = self._used.get(source_id, 0)
        self._used[source_id] = used + 1
        return used < self._per_minute
