"""The range of time that a list of evidence covers: what was asked for, what applies by default, and its id bounds.

Ids begin with their time, so a range of time is a range of ids, and only the partitions inside it are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fasthook.lib.clock import iso, parse_when
from fasthook.lib.errors import invalid
from fasthook.lib.ids import first_id_at

DEFAULT_RANGE = timedelta(days=30)
_MS = timedelta(milliseconds=1)

# Each parameter, and how far its instant is from one that lies inside the range.
_LATER = [("from", timedelta()), ("created_at[gte]", timedelta()), ("created_at[gt]", _MS)]
_EARLIER = [("to", timedelta()), ("created_at[lte]", timedelta()), ("created_at[lt]", -_MS)]
PARAMETERS = tuple(name for name, _ in (*_LATER, *_EARLIER))


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `first` to `last`, both inside, to the millisecond. Unless `bounded`, `last` is now and later rows count."""

    first: datetime
    last: datetime
    bounded: bool

    def applied(self) -> dict[str, str | None]:
        """`applied_range` of a list's answer."""
        return {"from": iso(self.first), "to": iso(self.last)}

    def id_bounds(self, prefix: str) -> dict[str, str]:
        """Keyword arguments for QuerySet.filter."""
        bounds = {"id__gte": first_id_at(prefix, self.first)}
        if self.bounded:
            bounds["id__lt"] = first_id_at(prefix, self.last + _MS)
        return bounds


def read_range(params: Mapping[str, str], *, now: datetime, earliest: datetime | None = None) -> TimeRange:
    """The range that `from`, `to` and `created_at[gt|gte|lt|lte]` ask for; the tightest of several applies.

    Without a beginning it starts at `earliest`, else DEFAULT_RANGE before its end. Raises InvalidInput naming the
    parameter.
    """
    first = _tightest(_LATER, params, now=now, choose=max)
    last = _tightest(_EARLIER, params, now=now, choose=min)
    end = last or _to_ms(now)
    begin = first or earliest or end - DEFAULT_RANGE
    if first and begin > end:
        name = next(name for name, _ in _LATER if params.get(name))
        raise invalid(name, f"must not lie after the end of the range, {iso(end)}")
    return TimeRange(first=begin, last=end, bounded=last is not None)


def _tightest(
    bounds: list[tuple[str, timedelta]],
    params: Mapping[str, str],
    *,
    now: datetime,
    choose: Callable[[list[datetime]], datetime],
) -> datetime | None:
    given = [_to_ms(parse_when(params[name], at=name, now=now)) + shift for name, shift in bounds if params.get(name)]
    return choose(given) if given else None


def _to_ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
