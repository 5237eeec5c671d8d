"""Times as the API reads and writes them: ISO 8601 in UTC, and relative ones such as `now-15m`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from fasthook.lib.errors import invalid

_RELATIVE = re.compile(r"now(?:-(\d{1,9})(ms|s|m|h|d|w))?")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


def parse_when(text: str, *, at: str, now: datetime) -> datetime:
    """An instant from `2026-05-29T10:00:00Z`, `2026-05-29`, `now`, `now-15m`; times without a zone are UTC.

    Raises InvalidInput naming the field `at`.
    """
    relative = _RELATIVE.fullmatch(text.strip())
    if relative:
        amount, unit = relative.groups()
        return _before(now, int(amount), _UNITS[unit]) if amount else now
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(at, "must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now") from None
    if moment < _EARLIEST:
        raise invalid(at, "must not lie before 1970")
    return moment


def _before(now: datetime, amount: int, unit: timedelta) -> datetime:
    try:
        return max(_EARLIEST, now - amount * unit)
    except OverflowError:
        return _EARLIEST


def iso(moment: datetime | None) -> str | None:
    """`2026-05-29T10:00:00.000Z`, to the millisecond; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
