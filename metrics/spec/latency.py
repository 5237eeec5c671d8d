"""The histogram that latencies are counted in: bins that can be added up, and the percentiles they give.

Milliseconds below 32 have a bin each. Above, every power of two has 16 bins, so a percentile is at most 1/32 (3.1 %)
off. `metrics_latency_bin` in the first migration is the same function in SQL; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping

EXACT_BELOW_MS = 32
_BITS = 5
# What a bin is made of: the longest latency that is told apart. Attempts end long before.
LONGEST_MS = (1 << 24) - 1


def bin_of(latency_ms: int) -> int:
    value = min(max(latency_ms, 0), LONGEST_MS)
    if value < EXACT_BELOW_MS:
        return value
    shift = value.bit_length() - _BITS
    return shift * (EXACT_BELOW_MS // 2) + (value >> shift)


def value_of(bin_number: int) -> int:
    """The middle of a bin, in milliseconds."""
    if bin_number < EXACT_BELOW_MS:
        return bin_number
    shift = bin_number // (EXACT_BELOW_MS // 2) - 1
    lowest = (bin_number - shift * (EXACT_BELOW_MS // 2)) << shift
    return lowest + ((1 << shift) - 1) // 2


def percentile_ms(bins: Mapping[int, int], share: float, *, longest_ms: int) -> int | None:
    """The nearest-rank percentile of what the bins hold, never above `longest_ms`; None when they hold nothing."""
    total = sum(bins.values())
    if total <= 0:
        return None
    wanted, seen = share * total, 0
    for number in sorted(bins):
        seen += bins[number]
        if seen >= wanted:
            return min(value_of(number), longest_ms)
    return longest_ms
