"""Percentiles are nearest rank: always a latency that was really seen."""

from bench.recording import Percentiles, percentiles_ms


def test_percentiles_of_one_to_a_hundred_are_their_own_rank() -> None:
    values_s = [number / 1000 for number in range(100, 0, -1)]
    assert percentiles_ms(values_s) == Percentiles(count=100, p50_ms=50.0, p95_ms=95.0, p99_ms=99.0, max_ms=100.0)


def test_a_rank_between_two_values_is_the_higher_one() -> None:
    values_s = [number / 1000 for number in range(1, 11)]
    assert percentiles_ms(values_s) == Percentiles(count=10, p50_ms=5.0, p95_ms=10.0, p99_ms=10.0, max_ms=10.0)


def test_one_slow_answer_in_a_hundred_is_the_maximum_and_not_the_p99() -> None:
    assert percentiles_ms([0.001] * 99 + [5.0]) == Percentiles(100, 1.0, 1.0, 1.0, 5000.0)


def test_two_slow_answers_in_a_hundred_are_the_p99() -> None:
    assert percentiles_ms([0.001] * 98 + [5.0] * 2).p99_ms == 5000.0


def test_a_single_value_is_every_percentile() -> None:
    assert percentiles_ms([0.25]) == Percentiles(1, 250.0, 250.0, 250.0, 250.0)


def test_an_empty_series_has_no_percentiles() -> None:
    assert percentiles_ms([]) == Percentiles(0, 0.0, 0.0, 0.0, 0.0)
