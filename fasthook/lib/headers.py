"""Header pairs, as they travel, and header objects, as people and rules read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def merge_headers(pairs: Iterable[Sequence[str]]) -> dict[str, str]:
    """Header pairs as rules and the API show them: repeats joined with a comma (RFC 9110, 5.2)."""
    merged: dict[str, str] = {}
    for name, value in pairs:
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged
