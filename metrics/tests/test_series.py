"""Columns of sums and histograms as points: zero-filled, in order, and added up to totals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from metrics.spec.latency import value_of
from metrics.spec.measures import ATTEMPTS, EVENTS, QUEUE
from metrics.spec.series import make_series, totals_of
from metrics.spec.tallies import Tallies, tallies_of

STARTS = [datetime(2026, 5, 29, tzinfo=UTC) + hour * timedelta(hours=1) for hour in range(2)]
FIRST, SECOND = "2026-05-29T00:00:00.000Z", "2026-05-29T01:00:00.000Z"
RATES = (EVENTS.measures["failed_count"], EVENTS.measures["error_rate"])
LATENCIES = (ATTEMPTS.measures["latency_p50"], ATTEMPTS.measures["latency_p99"])


def test_every_group_has_a_point_in_every_bucket() -> None:
    rows = [(2, "TIMEOUT", 1, 3), (1, None, 0, 5)]
    tallies = tallies_of(rows, ["failed", "delivered"], dimensions=1)
    assert make_series(tallies, starts=STARTS, dimensions=["error_code"], measures=RATES) == [
        {"timestamp": FIRST, "error_code": None, "failed_count": 0, "error_rate": 0.0},
        {"timestamp": FIRST, "error_code": "TIMEOUT", "failed_count": 0, "error_rate": 0.0},
        {"timestamp": SECOND, "error_code": None, "failed_count": 0, "error_rate": 0.0},
        {"timestamp": SECOND, "error_code": "TIMEOUT", "failed_count": 1, "error_rate": 0.25},
    ]
    assert totals_of(tallies, RATES) == {"failed_count": 1, "error_rate": round(1 / 9, 6)}


def test_nothing_is_zeros_and_a_group_of_nothing_is_no_point() -> None:
    tallies = tallies_of([], ["failed", "delivered"], dimensions=0)
    empty = {"failed_count": 0, "error_rate": 0.0}
    assert make_series(tallies, starts=STARTS, dimensions=[], measures=RATES) == [
        {"timestamp": FIRST, **empty},
        {"timestamp": SECOND, **empty},
    ]
    assert totals_of(tallies, RATES) == empty
    grouped = tallies_of([], ["failed", "delivered"], dimensions=1)
    assert make_series(grouped, starts=STARTS, dimensions=["error_code"], measures=RATES) == []


def test_percentiles_of_the_total_are_those_of_all_latencies_together() -> None:
    tallies = Tallies(
        [(1, ()), (2, ())], {"latency_max": [4, 900]}, [(0, 0, 0, 0, 9), (*(0 for _ in range(100)), 2**32 - 1)]
    )
    assert make_series(tallies, starts=STARTS, dimensions=[], measures=LATENCIES) == [
        {"timestamp": FIRST, "latency_p50": 4, "latency_p99": 4},
        {"timestamp": SECOND, "latency_p50": value_of(100), "latency_p99": value_of(100)},
    ]
    assert totals_of(tallies, LATENCIES) == {"latency_p50": value_of(100), "latency_p99": value_of(100)}
    (together,) = Tallies(tallies.keys, tallies.sums, [(1, 2**32 - 1), (0, 7, 1)]).total().latencies or ()
    assert together == [1, 2**32 + 6, 1]


def test_the_highest_of_a_queue_is_a_maximum() -> None:
    tallies = tallies_of([(1, 3, 50), (2, 8, 20)], ["depth_max", "oldest_age_max"], dimensions=0)
    assert totals_of(tallies, tuple(QUEUE.measures.values())) == {"depth": 8, "oldest_age": 50}
