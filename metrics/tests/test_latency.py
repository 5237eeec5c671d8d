"""The histogram of latencies: the error that it promises, and the same bins in Python and SQL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from metrics.spec.latency import (
    EXACT_BELOW_MS,
    LONGEST_MS,
    bin_of,
    counts_by_bin,
    loose_histogram,
    packed_histogram,
    percentiles_ms,
    value_of,
)

MOST_IN_A_BIN = 2**32 - 1
histograms = st.dictionaries(st.integers(0, bin_of(LONGEST_MS)), st.integers(0, 2**31 - 1), max_size=40)


def histogram_of(counts: Mapping[int, int]) -> int:
    return loose_histogram(counts.keys(), counts.values())


def not_empty(counts: Iterable[int]) -> dict[int, int]:
    return {number: count for number, count in enumerate(counts) if count}


@given(st.integers(0, LONGEST_MS))
def test_a_bin_stands_for_its_latencies_within_one_32nd(latency_ms: int) -> None:
    assert abs(value_of(bin_of(latency_ms)) - latency_ms) <= latency_ms / 32
    if latency_ms < EXACT_BELOW_MS:
        assert value_of(bin_of(latency_ms)) == latency_ms


@given(st.integers(0, LONGEST_MS - 1))
def test_longer_latencies_have_the_same_bin_or_the_next(latency_ms: int) -> None:
    assert bin_of(latency_ms + 1) - bin_of(latency_ms) in (0, 1)


@given(st.lists(st.integers(0, 120_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_one_32nd_of_the_exact_one(latencies_ms: list[int], share: float) -> None:
    exact = sorted(latencies_ms)[math.ceil(share * len(latencies_ms)) - 1]
    counts = counts_by_bin(histogram_of(Counter(bin_of(latency_ms) for latency_ms in latencies_ms)))
    (found,) = percentiles_ms(counts, [share], longest_ms=max(latencies_ms))
    assert found is not None
    assert abs(found - exact) <= exact / 32
    assert found <= max(latencies_ms)


def test_nothing_has_no_percentile() -> None:
    assert percentiles_ms((), [0.5, 0.95], longest_ms=0) == [None, None]
    assert percentiles_ms((0, 0, 0), [0.95], longest_ms=9) == [None]
    assert counts_by_bin(histogram_of({4: 0})) == ()


@given(histograms, histograms)
def test_histograms_add_up_bin_by_bin(one: dict[int, int], other: dict[int, int]) -> None:
    together = Counter(one)
    together.update(other)
    assert not_empty(counts_by_bin(histogram_of(one) + histogram_of(other))) == {
        number: count for number, count in together.items() if count
    }


def test_a_full_bin_leaves_the_next_one_alone() -> None:
    full = histogram_of({7: MOST_IN_A_BIN - 1}) + histogram_of({7: 1, 8: 3})
    assert not_empty(counts_by_bin(full)) == {7: MOST_IN_A_BIN, 8: 3}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "counts",
    [
        {0: 1},
        {0: 1, 1: 2**31 - 1, 40: 7},
        {33: 5, 200: 1, bin_of(LONGEST_MS): 2},
        # Folded in before what they take away from.
        {31: -2, 32: 0, 90: 4},
        {5: 3, 300: -(2**31)},
    ],
)
def test_postgres_packs_histograms_that_add_up(counts: dict[int, int]) -> None:
    bins = sorted(counts)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT metrics_packed(%s::smallint[], %s::integer[])", [bins, [counts[number] for number in bins]]
        )
        packed = packed_histogram(bytes(cursor.fetchone()[0]), bins[0])
    assert packed == histogram_of(counts)
    opposite = {number: 9 - count for number, count in counts.items()}
    assert not_empty(counts_by_bin(packed + histogram_of(opposite))) == dict.fromkeys(bins, 9)


@pytest.mark.django_db
def test_postgres_bins_as_python_does() -> None:
    edges = {0, LONGEST_MS, LONGEST_MS + 1, 2**31 - 1}
    for power in range(5, 25):
        for sixteenth in range(16, 32):
            edges |= {max(0, ((sixteenth << power) >> 4) + around) for around in (-1, 0, 1)}
    wanted = sorted(edge for edge in edges if edge < 2**31)
    with connection.cursor() as cursor:
        cursor.execute("SELECT metrics_latency_bin(latency) FROM unnest(%s::int[]) AS latencies (latency)", [wanted])
        assert [row[0] for row in cursor.fetchall()] == [bin_of(edge) for edge in wanted]
