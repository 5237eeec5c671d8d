"""The histogram that latencies are counted in: bins that can be added up, and the percentiles they give.

Milliseconds below 32 have a bin each. Above, every power of two has 16 bins, so a percentile is at most 1/32 (3.1 %)
off. `metrics_latency_bin` in the first migration is the same function in SQL; a test keeps the two equal.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache
from itertools import accumulate

EXACT_BELOW_MS = 32
_BITS = 5
# What a bin is made of: the longest latency that is told apart. Attempts end long before.
LONGEST_MS = (1 << 24) - 1
_LANE_BYTES = 4
_LANE_BITS = 8 * _LANE_BYTES


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


def packed_histogram(packed: bytes, lowest: int) -> int:
    """A histogram as one number with 32 bits for each bin, so that adding up histograms is adding numbers.

    `packed` is what `metrics_packed` in the third migration makes: a signed count of every bin from the highest down to
    the `lowest`, shifted so that none is negative.
    """
    return (int.from_bytes(packed) - _shifts(len(packed) // _LANE_BYTES)) << (lowest * _LANE_BITS)


def loose_histogram(bins: Iterable[int], counts: Iterable[int]) -> int:
    return sum(count << (number * _LANE_BITS) for number, count in zip(bins, counts, strict=True))


def counts_by_bin(histogram: int) -> tuple[int, ...]:
    """From bin 0 on. Right while no bin has 2**32: a bucket of a series is a day at most."""
    if histogram <= 0:
        return ()
    lanes = -(-histogram.bit_length() // _LANE_BITS)
    return struct.unpack(f"<{lanes}I", histogram.to_bytes(lanes * _LANE_BYTES, "little"))


def percentiles_ms(counts: Iterable[int], shares: Iterable[float], *, longest_ms: int) -> list[int | None]:
    """The nearest-rank percentiles, never above `longest_ms`; None of nothing. `counts` are by bin, from bin 0 on."""
    up_to = list(accumulate(counts))
    if not up_to or not up_to[-1]:
        return [None for _ in shares]
    return [min(_VALUES_MS[bisect_left(up_to, share * up_to[-1])], longest_ms) for share in shares]


@cache
def _shifts(lanes: int) -> int:
    return ((1 << (lanes * _LANE_BITS)) - 1) // ((1 << _LANE_BITS) - 1) << (_LANE_BITS - 1)


_VALUES_MS = tuple(value_of(number) for number in range(bin_of(LONGEST_MS) + 1))
