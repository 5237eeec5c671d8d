"""What is read from where: every moment once, rollups only where they are whole, and never past what is counted."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from metrics.spec.buckets import bucket_starts
from metrics.spec.spans import HOUR, MINUTE, Spans, cut_at_buckets, floor_to, plan_spans

DAY = datetime(2026, 3, 28, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def plan(first: datetime, after: datetime, *, step_s: int, counted: datetime | None, zone: str = "UTC") -> Spans:
    starts = bucket_starts(first, after, step_s=step_s, zone=ZoneInfo(zone))
    return plan_spans(first, after, starts=starts, counted_before=counted)


def test_whole_hours_then_whole_minutes_then_rows() -> None:
    first, after = DAY + 10 * MINUTE + MS, DAY + 4 * HOUR + 5 * MINUTE + MS
    found = plan(first, after, step_s=3600, counted=DAY + 30 * HOUR)
    assert found.hours == [(DAY + HOUR, DAY + 4 * HOUR)]
    assert found.minutes == [
        (DAY + 11 * MINUTE, DAY + HOUR),
        (DAY + 4 * HOUR, DAY + 4 * HOUR + 5 * MINUTE),
    ]
    assert found.rows == [(first, DAY + 11 * MINUTE), (DAY + 4 * HOUR + 5 * MINUTE, after)]


def test_what_is_not_counted_yet_is_read_from_rows() -> None:
    found = plan(DAY, DAY + 3 * HOUR, step_s=3600, counted=DAY + 90 * MINUTE)
    assert found.hours == [(DAY, DAY + HOUR)]
    assert found.minutes == [(DAY + HOUR, DAY + 90 * MINUTE)]
    assert found.rows == [(DAY + 90 * MINUTE, DAY + 3 * HOUR)]
    assert plan(DAY, DAY + HOUR, step_s=3600, counted=None) == Spans([], [], [(DAY, DAY + HOUR)])


def test_an_hour_that_a_bucket_cuts_is_read_by_minutes_and_a_minute_by_rows() -> None:
    # A day in Kolkata begins at 18:30 UTC.
    found = plan(DAY, DAY + 24 * HOUR, step_s=86_400, counted=DAY + 30 * HOUR, zone="Asia/Kolkata")
    assert found.hours == [(DAY, DAY + 18 * HOUR), (DAY + 19 * HOUR, DAY + 24 * HOUR)]
    assert found.minutes == [(DAY + 18 * HOUR, DAY + 19 * HOUR)]
    found = plan(DAY, DAY + 2 * MINUTE, step_s=30, counted=DAY + 30 * HOUR)
    assert (found.hours, found.minutes) == ([], [])
    assert found.rows == [(DAY, DAY + MINUTE), (DAY + MINUTE, DAY + 2 * MINUTE)]


@given(
    first_ms=st.integers(0, 5 * 86_400_000),
    length_ms=st.integers(1, 4 * 86_400_000),
    step_s=st.sampled_from([10, 90, 60, 300, 3600, 21_600, 86_400]),
    counted_minutes=st.none() | st.integers(-100, 10 * 1440),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_every_moment_is_in_exactly_one_span(
    first_ms: int, length_ms: int, step_s: int, counted_minutes: int | None, zone: str
) -> None:
    first = DAY + first_ms * MS
    after = first + min(length_ms, step_s * 900_000) * MS
    counted = None if counted_minutes is None else DAY + counted_minutes * MINUTE
    starts = bucket_starts(first, after, step_s=step_s, zone=ZoneInfo(zone))
    found = plan_spans(first, after, starts=starts, counted_before=counted)
    together = sorted([*found.hours, *found.minutes, *found.rows])
    assert together[0][0] == first
    assert together[-1][1] == after
    for one, following in itertools.pairwise(together):
        assert one[0] < one[1] == following[0]
    for unit, spans in ((HOUR, found.hours), (MINUTE, found.minutes)):
        for span in spans:
            assert counted is not None
            assert span[1] <= counted
            assert all(moment == floor_to(moment, unit) for moment in span)
            assert all(start == floor_to(start, unit) for start in starts if span[0] < start < span[1])
    pieces = cut_at_buckets(found.rows, starts)
    assert sum((piece.after - piece.first for piece in pieces), timedelta()) == sum(
        (span[1] - span[0] for span in found.rows), timedelta()
    )
    for piece in pieces:
        assert starts[piece.bucket - 1] <= piece.first < piece.after
        assert piece.bucket == len(starts) or piece.after <= starts[piece.bucket]
