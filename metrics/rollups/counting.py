"""Counting of rollups: hour by hour, once rows are old enough; late differences are folded in.

Every change of an old row must be either in the rows when they are counted or in the _late tables, never in both and
never in neither. So what is about to be counted is announced first (`late_before`); counting begins when what may
not have seen that has ended; and one snapshot serves to count the rows and to throw away the differences that they
hold already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction

from fasthook.lib.ids import first_id_at
from metrics.rollups.state import counted_before, first_day, only_counter
from metrics.rollups.statements import count_hours, count_minutes, fold_late
from metrics.rollups.tables import HOUR, MINUTE, ROLLUPS, Rollup
from metrics.spec import spans

log = structlog.get_logger(__name__)

# What is younger is read from the rows. Deliveries and first retries are over by then: what changes later costs its
# statement a row or two of differences.
LAG = timedelta(minutes=5)
# How long to wait for writers that may not have seen the announcement; the next run announces again.
PATIENCE_S = 5.0
_LOOK_S = 0.02
_FOLD = 2000
_DELETE = 5000
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def roll_up(*, now: datetime, seconds: float) -> bool:
    """Counts and folds for about `seconds`; returns whether all is done that can be."""
    over_at = time.monotonic() + seconds
    with only_counter() as mine:
        if not mine:
            return True
        until = spans.floor_to(now - LAG, spans.MINUTE)
        if counted_before() == until:
            return _fold_all(over_at)
        if not _announce(until):
            return True
        if not _writers_have_seen(over_at):
            return False
        counted = _count_until(until, over_at)
        return _fold_all(over_at) and counted


def count_anew(since: datetime) -> None:
    """Throws away what was counted from the day of `since` on; the next runs count it anew from the rows."""
    day = spans.floor_to(since, _DAY)
    with only_counter(waits=True), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE metrics_rollup SET counted_before = least(counted_before, %s)", [day])
        for rollup in ROLLUPS.values():
            for table in (rollup.table(MINUTE), rollup.table(HOUR)):
                cursor.execute(f"DELETE FROM {table} WHERE at >= %s", [day])
    log.info("rollups.discarded", since=day.isoformat())


def forget(*, before: datetime) -> int:
    """Deletes rollups and samples of the queue that are over their time; returns how many rows."""
    tables = [rollup.table(step) for rollup in ROLLUPS.values() for step in (MINUTE, HOUR)]
    deleted = sum(_delete_in_pages(table, before) for table in [*tables, "metrics_queue"])
    if deleted:
        log.info("rollups.forgotten", rows=deleted)
    return deleted


def _announce(until: datetime) -> bool:
    """From here on changes of what is older than `until` are noted. False when there is no evidence yet."""
    with connection.cursor() as cursor:
        if counted_before() is None:
            begin = first_day(complete=False)
            if begin is None:
                return False
            cursor.execute(
                "INSERT INTO metrics_rollup (counted_before, late_before) VALUES (%s, '')", [min(begin, until)]
            )
        bound = first_id_at("", until)[1:]
        cursor.execute("UPDATE metrics_rollup SET late_before = %s WHERE late_before < %s", [bound, bound])
    return True


def _writers_have_seen(over_at: float) -> bool:
    """Whether every transaction that wrote before the announcement has ended. Those that take an id later than ours
    have it when their triggers look."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        ours = int(cursor.fetchone()[0])
        give_up_at = min(over_at, time.monotonic() + PATIENCE_S)
        while True:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
            if int(cursor.fetchone()[0]) > ours:
                return True
            if time.monotonic() > give_up_at:
                log.info("rollups.lock_waited", seconds=PATIENCE_S)
                return False
            time.sleep(_LOOK_S)


def _count_until(until: datetime, over_at: float) -> bool:
    first = counted_before()
    while first is not None and first < until:
        if time.monotonic() > over_at:
            return False
        last = min(spans.floor_to(first, _HOUR) + _HOUR, until)
        _in_one_snapshot(_count_page, first, last)
        first = last
    return True


def _in_one_snapshot(work: Callable[[datetime, datetime], None], first: datetime, last: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL jit = off; SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '64MB'")
        work(first, last)


def _count_page(first: datetime, last: datetime) -> None:
    """At most an hour, none of which is counted."""
    minutes = [first + number * spans.MINUTE for number in range((last - first) // spans.MINUTE)]
    with connection.cursor() as cursor:
        for rollup in ROLLUPS.values():
            for table in (rollup.late, rollup.table(MINUTE)):
                cursor.execute(
                    f"DELETE FROM {table} WHERE at >= %s AND at < %s",
                    [first, last],
                )
            cursor.execute(count_minutes(rollup), _bounds(rollup, minutes))
            if last == spans.floor_to(last, _HOUR):
                begin = last - _HOUR
                cursor.execute(f"DELETE FROM {rollup.table(HOUR)} WHERE at = %s", [begin])
                cursor.execute(count_hours(rollup), {"first": begin, "last": last})
        cursor.execute("UPDATE metrics_rollup SET counted_before = %s", [last])


def _bounds(rollup: Rollup, minutes: list[datetime]) -> dict[str, Any]:
    ids = [first_id_at(rollup.prefix, moment) for moment in [*minutes, minutes[-1] + spans.MINUTE]]
    return {"at": minutes, "low": ids[:-1], "high": ids[1:], "first": ids[0], "last": ids[-1]}


def _fold_all(over_at: float) -> bool:
    for rollup in ROLLUPS.values():
        while True:
            with connection.cursor() as cursor:
                cursor.execute(fold_late(rollup), {"counted_before": counted_before(), "limit": _FOLD})
                folded = cursor.fetchone()[0]
            if folded < _FOLD:
                break
            if time.monotonic() > over_at:
                return False
    return True


def _delete_in_pages(table: str, before: datetime) -> int:
    deleted = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE at < %s LIMIT {_DELETE}))",
                [before],
            )
            page: int = cursor.rowcount
        deleted += page
        if page < _DELETE:
            return deleted
