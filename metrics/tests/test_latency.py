"""The histogram of latencies: the error that it promises, and the same bins in Python and SQL."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from metrics.spec.latency import EXACT_BELOW_MS, LONGEST_MS, bin_of, percentile_ms, rank, value_of


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
    bins = Counter(bin_of(latency_ms) for latency_ms in latencies_ms)
    found = percentile_ms(rank(bins), share, longest_ms=max(latencies_ms))
    assert found is not None
    assert abs(found - exact) <= exact / 32
    assert found <= max(latencies_ms)


def test_nothing_has_no_percentile() -> None:
    assert percentile_ms(rank({}), 0.95, longest_ms=0) is None
    assert percentile_ms(rank({4: 0}), 0.95, longest_ms=9) is None


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
