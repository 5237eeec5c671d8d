"""Buckets of time: how long they are, and where they begin in a zone, daylight saving included.

A bucket begins where the clock on the wall shows a multiple of its length since midnight. So a day has 23 or 25 hours
when clocks change; an hour that is repeated is two buckets, a bucket whose beginning is skipped begins at the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from fasthook.lib.errors import InvalidInput, invalid

MAX_BUCKETS = 5000
DAY_S = 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}
_GRANULARITY = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_LEGAL = "must be from 1s to 1d and divide a day evenly, such as 1s, 10s, 1m, 5m, 15m, 1h, 6h, 1d"
_USUAL = ("1s", "10s", "1m", "5m", "15m", "1h", "6h", "1d")
# What is chosen when nothing is said: the finest that makes no more of them.
_COMFORTABLE = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALMOST_A_SECOND = timedelta(microseconds=999_999)
# Longer than any bucket, and than any change of a clock beside it.
_BEFORE_S = 2 * DAY_S + 3600


def parse_granularity(text: str) -> int:
    """Seconds. InvalidInput naming `granularity`."""
    match = _GRANULARITY.fullmatch(text.strip())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not seconds or DAY_S % seconds:
        raise invalid("granularity", _LEGAL)
    return seconds


def choose_granularity(start: datetime, end: datetime) -> str:
    for text in _USUAL:
        if _count(start, end, parse_granularity(text)) <= _COMFORTABLE:
            return text
    return _USUAL[-1]


def bucket_starts(start: datetime, end: datetime, *, step_s: int, zone: tzinfo = UTC) -> list[datetime]:
    """The instants, in UTC, at which the buckets that touch [start, end) begin; the first may lie before `start`.

    InvalidInput when there are more than MAX_BUCKETS.
    """
    if _count(start, end, step_s) > MAX_BUCKETS:
        raise _too_many(start, end, step_s)
    first = _seconds(start)
    begun: list[int] = []
    for moment in _starts(first - _BEFORE_S, end=_seconds(end + _ALMOST_A_SECOND), step_s=step_s, zone=zone):
        if moment <= first:
            begun.clear()
        begun.append(moment)
    if len(begun) > MAX_BUCKETS:
        raise _too_many(start, end, step_s)
    return [_EPOCH + timedelta(seconds=moment) for moment in begun]


def _starts(begin: int, *, end: int, step_s: int, zone: tzinfo) -> Iterator[int]:
    reached = None
    for first, after, offset in _stretches(begin, end, zone):
        if reached is not None:
            wall, repeated_s = first + offset, reached - first - offset
            if repeated_s < 0 and wall % step_s and wall // step_s > (reached - 1) // step_s:
                yield first
            skip_below = reached if repeated_s > 0 and repeated_s % step_s else wall
        else:
            skip_below = first + offset
        wall = -(-skip_below // step_s) * step_s
        yield from range(wall - offset, after, step_s)
        reached = after + offset


def _stretches(begin: int, end: int, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """(first second, second after the last, offset from UTC) of each stretch without a change of the clock."""
    if zone is UTC:
        yield begin, end, 0
        return
    first, offset = begin, _offset(begin, zone)
    for day in range(begin, end, DAY_S):
        last = min(day + DAY_S, end)
        while _offset(last, zone) != offset:
            changed = _first_with_another(offset, day, last, zone)
            yield first, changed, offset
            first, day, offset = changed, changed, _offset(changed, zone)
    yield first, end, offset


def _first_with_another(offset: int, low: int, high: int, zone: tzinfo) -> int:
    """At `low` the offset is that one, at `high` it is not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(second: int, zone: tzinfo) -> int:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _count(start: datetime, end: datetime, step_s: int) -> int:
    return -(-(end - start) // timedelta(seconds=step_s))


def _too_many(start: datetime, end: datetime, step_s: int) -> InvalidInput:
    enough = next((text for text in _USUAL if _count(start, end, parse_granularity(text)) <= MAX_BUCKETS), None)
    advice = f"{enough} or coarser is enough for this range" if enough else "ask for a shorter range"
    count = _count(start, end, step_s)
    return invalid("granularity", f"makes {count} buckets, and at most {MAX_BUCKETS} are answered; {advice}")
