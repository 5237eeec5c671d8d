"""Spans of a range: whole hours and minutes from rollups, the rest from the rows.

Rollups hold what lies before `counted_before`. What a bucket's beginning cuts in two is read one level finer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches [from, to) that together are the whole range, each moment in one of them."""

    hours: list[Span]
    minutes: list[Span]
    rows: list[Span]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of rows inside one bucket; `bucket` counts from 1, as Postgres's width_bucket does."""

    bucket: int
    first: datetime
    after: datetime


def plan_spans(start: datetime, end: datetime, *, starts: Sequence[datetime], counted_before: datetime | None) -> Spans:
    """`starts` are where buckets begin, sorted. Without rollups (`counted_before` None) all is read from rows."""
    low, high = floor_to(start + MINUTE - _TICK, MINUTE), floor_to(end, MINUTE)
    if counted_before is not None:
        high = min(high, counted_before)
    if counted_before is None or low >= high:
        return Spans([], [], [(start, end)] if start < end else [])
    cut = _cut([moment for moment in starts if low < moment < high], MINUTE)
    rows = [(start, low), *[(moment, moment + MINUTE) for moment in cut], (high, end)]
    minutes = _without((low, high), cut, MINUTE)
    hours: list[Span] = []
    finer: list[Span] = []
    cut = _cut(starts, HOUR)
    for first, after in minutes:
        whole = (floor_to(first + HOUR - _TICK, HOUR), floor_to(after, HOUR))
        if whole[0] >= whole[1]:
            finer.append((first, after))
            continue
        kept = _without(whole, [moment for moment in cut if whole[0] <= moment < whole[1]], HOUR)
        hours += kept
        finer += _gaps((first, after), kept)
    return Spans(hours, [span for span in finer if span[0] < span[1]], [span for span in rows if span[0] < span[1]])


def cut_at_buckets(spans: Sequence[Span], starts: Sequence[datetime]) -> list[Piece]:
    """The spans as pieces that lie in one bucket each."""
    return [piece for span in spans for piece in _pieces(span, starts)]


def floor_to(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % unit


_TICK = timedelta(microseconds=1)


def _pieces(span: Span, starts: Sequence[datetime]) -> Iterator[Piece]:
    first, after = span
    while first < after:
        bucket = bisect_right(starts, first)
        until = min(after, starts[bucket]) if bucket < len(starts) else after
        yield Piece(bucket, first, until)
        first = until


def _cut(starts: Sequence[datetime], unit: timedelta) -> list[datetime]:
    """The units inside which a bucket begins, each once; sorted, as `starts` is."""
    inside = [moment for moment in starts if moment.microsecond or moment.second or (unit is HOUR and moment.minute)]
    return list(dict.fromkeys(floor_to(moment, unit) for moment in inside))


def _without(span: Span, cut: Sequence[datetime], unit: timedelta) -> list[Span]:
    """What is left of the span when the units that begin at `cut` are taken out; sorted, as `cut` is."""
    return _gaps(span, [(moment, moment + unit) for moment in cut])


def _gaps(span: Span, taken: Sequence[Span]) -> list[Span]:
    left, first = [], span[0]
    for begin, after in taken:
        if first < begin:
            left.append((first, begin))
        first = max(first, after)
    if first < span[1]:
        left.append((first, span[1]))
    return left
