"""Where buckets begin: exact instants, clocks that change, and what every range has in common."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasthook.lib.errors import InvalidInput
from metrics.spec.buckets import DAY_S, MAX_BUCKETS, bucket_starts, choose_granularity, parse_granularity

DIVISORS = [number for number in range(1, DAY_S + 1) if DAY_S % number == 0]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(first: str, after: str, granularity: str, zone: str = "UTC") -> list[str]:
    found = bucket_starts(at(first), at(after), step_s=parse_granularity(granularity), zone=ZoneInfo(zone))
    return [moment.strftime("%d %H:%M:%S") for moment in found]


def test_the_first_bucket_begins_before_a_range_that_cuts_it_and_the_end_is_not_inside() -> None:
    assert starts("2026-05-29T00:20", "2026-05-29T03:00", "1h") == ["29 00:00:00", "29 01:00:00", "29 02:00:00"]
    assert starts("2026-05-29T00:20", "2026-05-29T03:00:00.001", "1h")[-1] == "29 03:00:00"
    assert starts("2026-05-29T00:00:01.5", "2026-05-29T00:00:03", "1s") == ["29 00:00:01", "29 00:00:02"]


def test_the_day_of_the_guides_has_its_24_hours() -> None:
    assert len(starts("2026-05-29T00:00:00", "2026-05-29T23:59:59", "1h")) == 24


def test_a_day_in_which_clocks_go_forward_has_23_hours() -> None:
    assert starts("2026-03-28T12:00", "2026-03-30T12:00", "1d", "Europe/Berlin") == [
        "27 23:00:00",
        "28 23:00:00",
        "29 22:00:00",
    ]
    assert len(starts("2026-03-28T23:00", "2026-03-29T22:00", "1h", "Europe/Berlin")) == 23


def test_a_day_in_which_clocks_go_back_has_25_hours_and_the_repeated_one_is_two_buckets() -> None:
    assert starts("2026-10-24T22:00", "2026-10-26T22:00", "1d", "Europe/Berlin") == ["24 22:00:00", "25 23:00:00"]
    assert len(starts("2026-10-24T22:00", "2026-10-25T23:00", "1h", "Europe/Berlin")) == 25


def test_longer_buckets_keep_to_the_wall_clock_across_a_change() -> None:
    assert starts("2026-10-24T22:00", "2026-10-25T22:00", "6h", "Europe/Berlin") == [
        "24 22:00:00",
        "25 05:00:00",
        "25 11:00:00",
        "25 17:00:00",
    ]


def test_a_beginning_that_the_clock_skips_is_the_change_itself() -> None:
    # In New York 02:00 does not exist on that day: 07:00 UTC is 03:00.
    assert starts("2026-03-08T05:00", "2026-03-08T09:00", "2h", "America/New_York") == [
        "08 05:00:00",
        "08 07:00:00",
        "08 08:00:00",
    ]


def test_a_midnight_that_comes_twice_begins_one_day() -> None:
    # Havana goes from 01:00 back to 00:00, at 05:00 UTC.
    assert starts("2026-10-31T04:00", "2026-11-02T06:00", "1d", "America/Havana") == [
        "31 04:00:00",
        "01 04:00:00",
        "02 05:00:00",
    ]


def test_zones_that_are_half_an_hour_off_have_their_own_hours() -> None:
    assert starts("2026-05-29T00:00", "2026-05-29T02:00", "1h", "Asia/Kolkata") == [
        "28 23:30:00",
        "29 00:30:00",
        "29 01:30:00",
    ]


@given(
    first_ms=st.integers(31_536_000_000, 2_082_758_400_000),
    length=st.integers(1, 400),
    remainder_ms=st.integers(0, 86_400_000),
    step_s=st.sampled_from(DIVISORS),
    zone=st.sampled_from(ZONES),
)
def test_buckets_follow_each_other_and_begin_on_the_wall_clock(
    first_ms: int, length: int, remainder_ms: int, step_s: int, zone: str
) -> None:
    first = at("1970-01-01T00:00") + timedelta(milliseconds=first_ms)
    after = first + timedelta(
        seconds=min(length * step_s, 700 * DAY_S), milliseconds=1 + remainder_ms % (step_s * 1000)
    )
    here = ZoneInfo(zone)
    found = bucket_starts(first, after, step_s=step_s, zone=here)
    assert found == sorted(set(found))
    assert found[0] <= first < ([*found, after])[1]
    assert found[-1] < after
    for one, following in itertools.pairwise(found):
        # An hour more or less when clocks change; a bucket that a change cuts off is shorter.
        assert timedelta() < following - one <= timedelta(seconds=step_s + 3600)
        wall = following.astimezone(here)
        since_midnight = wall.hour * 3600 + wall.minute * 60 + wall.second
        changed = wall.utcoffset() != (following - timedelta(seconds=1)).astimezone(here).utcoffset()
        assert changed or since_midnight % step_s == 0


@pytest.mark.parametrize("text", ["", "0s", "7h", "2d", "1w", "-1h", "1", "h", "1.5h", "86401s", "25s1"])
def test_a_granularity_that_does_not_divide_a_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="granularity: must be from 1s to 1d and divide a day evenly"):
        parse_granularity(text)


def test_too_many_buckets_are_refused_with_what_would_do() -> None:
    with pytest.raises(InvalidInput) as refused:
        starts("2026-05-22T00:00", "2026-05-29T00:00", "1m")
    assert str(refused.value) == (
        "granularity: makes 10080 buckets, and at most 5000 are answered; 5m or coarser is enough for this range"
    )
    assert len(starts("2026-05-22T00:00", "2026-05-25T11:20", "1m")) == MAX_BUCKETS


def test_no_granularity_is_enough_for_centuries() -> None:
    with pytest.raises(InvalidInput, match="ask for a shorter range"):
        starts("1971-01-01T00:00", "2026-05-29T00:00", "1d")


@pytest.mark.parametrize(
    ("hours", "chosen"), [(0.05, "1s"), (0.5, "10s"), (5, "1m"), (24, "5m"), (72, "15m"), (168, "1h"), (720, "6h")]
)
def test_without_a_granularity_the_range_chooses_one(hours: float, chosen: str) -> None:
    end = at("2026-05-29T00:00")
    assert choose_granularity(end - timedelta(hours=hours), end) == chosen
