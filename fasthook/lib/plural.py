"""Words that agree with a number, in what people read. Pure."""

from __future__ import annotations


def for_count(count: float, one: str, many: str) -> str:
    """`f"{n} {for_count(n, 'event waits', 'events wait')}"`: 1 event waits, 0 events wait, 1.5 events wait."""
    return one if count == 1 else many
