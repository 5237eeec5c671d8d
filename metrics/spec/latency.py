"""The histogram that latencies are counted in: bins that can be added up, and the percentiles they give.

Milliseconds below 32 have a bin each. Above, every power of two has 16 bins, so a percentile is at most 1/32 (3.1 %)
off. `metrics_latency_bin` in the first migration is the same function in SQL; a test keeps the two equal.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

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


@dataclass(frozen=True, slots=True)
class Ranks:
    """The bins of a histogram in order, and how many latencies are in each or below it."""

    bins: list[int]
    up_to: list[int]


def rank(bins: Mapping[int, int]) -> Ranks:
    numbers = sorted(bins)
    return Ranks(numbers, list(accumulate(map(bins.__getitem__, numbers))))


def percentile_ms(ranks: Ranks, share: float, *, longest_ms: int) -> int | None:
    """The nearest-rank percentile, never above `longest_ms`; None of nothing."""
    if not ranks.up_to or ranks.up_to[-1] <= 0:
        return None
    place = bisect_left(ranks.up_to, share * ranks.up_to[-1])
    return min(value_of(ranks.bins[place]), longest_ms)
