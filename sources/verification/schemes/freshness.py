"""Freshness: the time at which a request says that it was sent, near enough to now or not."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

UNIX: Final = "unix"
ISO: Final = "iso"

_DIGITS: Final = re.compile(r"[0-9]{1,16}")
# Seconds stay below this until the year 5138; some providers (WorkOS, Webflow, HubSpot) send milliseconds.
_MILLISECONDS_FROM: Final = 100_000_000_000


def read_moment(text: str, form: str = UNIX) -> float | None:
    """Unix seconds from a Unix time in seconds or milliseconds; with ISO also from an RFC 3339 time with its offset."""
    if _DIGITS.fullmatch(text):
        number = int(text)
        return number / 1000 if number >= _MILLISECONDS_FROM else float(number)
    if form == UNIX:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def timestamp_fault(text: str, *, where: str, tolerance_s: float | None, now: float, form: str = UNIX) -> str | None:
    """Why the timestamp `text` from `where` is not good, or None. Without a tolerance it must only be readable."""
    if not text:
        return f"the timestamp in {where} is missing"
    sent_at_s = read_moment(text, form)
    if sent_at_s is None:
        kind = "a Unix time" if form == UNIX else "an RFC 3339 time"
        return f"the timestamp in {where} is not {kind}"
    return age_fault(sent_at_s, where=where, tolerance_s=tolerance_s, now=now)


def age_fault(sent_at_s: float, *, where: str, tolerance_s: float | None, now: float) -> str | None:
    age_s = now - sent_at_s
    if tolerance_s is None or abs(age_s) <= tolerance_s:
        return None
    direction = "old" if age_s > 0 else "in the future"
    return f"the timestamp in {where} is {abs(age_s):.0f} s {direction}, the tolerance is {tolerance_s:g} s"
