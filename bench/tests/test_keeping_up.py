"""When an arrival rate counts as sustained."""

import pytest

from bench.deliveries import Delivered, account
from bench.flow import backlog_at, keeps_up


def delivered_with_lag(lag_us: int, *, rate_per_s: int, seconds: int) -> Delivered:
    interval_us = 1_000_000 // rate_per_s
    count = rate_per_s * seconds
    records = [
        (f"load.{seq:08d}", f"evt_{seq}", seq * interval_us, seq * interval_us + lag_us, 200) for seq in range(count)
    ]
    return account(range(count), records)


@pytest.mark.parametrize(("lag_us", "waiting"), [(1, 0), (50_001, 5), (500_001, 50)])
def test_the_backlog_is_what_was_planned_and_has_not_arrived(lag_us: int, waiting: int) -> None:
    delivered = delivered_with_lag(lag_us, rate_per_s=100, seconds=4)
    assert backlog_at(delivered, rate_per_s=100, elapsed_s=2.0) == waiting


def test_a_missing_delivery_stays_in_the_backlog() -> None:
    records = [(f"load.{seq:08d}", f"evt_{seq}", seq * 10_000, seq * 10_000 + 1, 200) for seq in range(100) if seq % 10]
    assert backlog_at(account(range(100), records), rate_per_s=100, elapsed_s=0.5) == 5


def test_a_short_steady_backlog_keeps_up() -> None:
    assert keeps_up(rate_per_s=1000, seconds=5, refused=0, backlog_at_half=40, backlog_at_end=45)


def test_a_growing_backlog_does_not_keep_up_even_while_it_is_short() -> None:
    assert keeps_up(rate_per_s=1000, seconds=5, refused=0, backlog_at_half=100, backlog_at_end=225)
    assert not keeps_up(rate_per_s=1000, seconds=5, refused=0, backlog_at_half=100, backlog_at_end=226)


def test_a_long_backlog_does_not_keep_up_even_while_it_is_steady() -> None:
    assert keeps_up(rate_per_s=1000, seconds=5, refused=0, backlog_at_half=500, backlog_at_end=500)
    assert not keeps_up(rate_per_s=1000, seconds=5, refused=0, backlog_at_half=501, backlog_at_end=501)


def test_a_refused_request_does_not_keep_up() -> None:
    assert not keeps_up(rate_per_s=1000, seconds=5, refused=1, backlog_at_half=0, backlog_at_end=0)
