"""Counting calls: windows that begin with the first call, and a Redis that is not there."""

from __future__ import annotations

import time

import pytest
import redis

from fasthook.lib import counters
from fasthook.lib.counters import Counted, count_calls

pytestmark = pytest.mark.usefixtures("services")


@pytest.fixture(autouse=True)
def _empty(services: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(counters, "_resting_until", 0.0)
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.flushdb()


def away(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A Redis that nobody reaches; the calls that were tried."""
    tried: list[int] = []

    def fail(**_: object) -> None:
        tried.append(1)
        raise redis.ConnectionError("nobody there")

    monkeypatch.setattr(counters, "_script", lambda: fail)
    return tried


def test_each_key_counts_for_itself() -> None:
    assert [window.count for window in count_calls(["a", "b"], window_s=60) or []] == [1, 1]
    assert [window.count for window in count_calls(["a"], window_s=60) or []] == [2]


def test_a_window_ends_a_fixed_time_after_its_first_call() -> None:
    (first,) = count_calls(["a"], window_s=60) or []
    (second,) = count_calls(["a"], window_s=600) or []
    assert 59_000 < second.left_ms <= first.left_ms <= 60_000


def test_seconds_left_are_rounded_up_and_never_none() -> None:
    assert [Counted(1, left_ms).left_s for left_ms in (60_000, 59_001, 1, 0, -1)] == [60, 60, 1, 1, 1]


def test_without_redis_nothing_is_counted_and_nobody_waits_for_it_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = away(monkeypatch)
    assert [count_calls(["a"], window_s=60) for _ in range(3)] == [None, None, None]
    assert len(tried) == 1
    monkeypatch.setattr(counters, "_resting_until", time.monotonic() - 1)
    count_calls(["a"], window_s=60)
    assert len(tried) == 2
