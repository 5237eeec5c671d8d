"""The retry rule: whether and when the next attempt is due. Recording attempts and waking workers is the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from connections.rules.status_codes import parse_status_codes

MAX_DELAY_MS: Final = 24 * 60 * 60 * 1000
# RFC 9110, section 10.2.3 names 503; RFC 6585, section 4 adds 429. Elsewhere the header means something else.
RETRY_AFTER_STATUSES: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A compiled rule: `count` retries after the first attempt. `statuses` are the response statuses it covers."""

    strategy: str
    interval_ms: int
    count: int
    statuses: frozenset[int]

    def delay_ms(self, retry_number: int) -> int | None:
        """How long to wait before the n-th retry (from 1), counted from the attempt before; None when none is left."""
        if retry_number < 1:
            raise ValueError("retries are numbered from 1")
        if retry_number > self.count:
            return None
        if self.strategy == "linear":
            return min(self.interval_ms, MAX_DELAY_MS)
        return min(self.interval_ms << (retry_number - 1), MAX_DELAY_MS)

    def retries_status(self, status: int | None) -> bool:
        """None stands for a network error or a timeout: those always count."""
        return status is None or status in self.statuses


def compile_retry(rule: Mapping[str, Any], *, at: str = "rule") -> RetryPolicy:
    """From a normalised rule {strategy, interval, count, response_status_codes?}."""
    codes = rule.get("response_status_codes")
    return RetryPolicy(
        strategy=rule["strategy"],
        interval_ms=rule["interval"],
        count=rule["count"],
        statuses=parse_status_codes([] if codes is None else codes, at=f"{at}.response_status_codes"),
    )


def retry_after_ms(header: str | None, *, now: datetime) -> int:
    """What a Retry-After header asks for (seconds or an HTTP date, RFC 9110 section 10.2.3), at most 24 h.

    0 when it is absent, unreadable or in the past.
    """
    text = (header or "").strip()
    if not text or len(text) > 64:
        return 0
    if text.isascii() and text.isdecimal():
        return min(int(text) * 1000, MAX_DELAY_MS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, min((moment - now) // timedelta(milliseconds=1), MAX_DELAY_MS))


def plan_retry(
    policy: RetryPolicy | None, *, retry_number: int, status: int | None, retry_after: str | None, now: datetime
) -> datetime | None:
    """When the n-th retry is due after an attempt that failed at `now`; None when there is none."""
    if policy is None or not policy.retries_status(status):
        return None
    delay = policy.delay_ms(retry_number)
    if delay is None:
        return None
    if status in RETRY_AFTER_STATUSES:
        delay = max(delay, retry_after_ms(retry_after, now=now))
    return now + timedelta(milliseconds=delay)


def preview_schedule(policy: RetryPolicy, *, start: datetime, done: int = 0) -> list[datetime]:
    """When every retry after the `done`-th would be due, if the attempt at `start` failed and each one after at once.

    That attempt is the `done`-th retry itself; 0 is the first attempt.
    """
    schedule: list[datetime] = []
    moment = start
    for retry_number in range(done + 1, policy.count + 1):
        moment += timedelta(milliseconds=policy.delay_ms(retry_number) or 0)
        schedule.append(moment)
    return schedule
