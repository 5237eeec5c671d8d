"""Daily partitions of the evidence tables: made ahead of time, dropped when retention ends.

A day's bounds are the smallest ids of its midnight and the next, so a row's partition follows from its id alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
from django.db import connection

from fasthook.lib.ids import first_id_at

Result = TypeVar("Result")

PREFIXES = {"requests": "req", "events": "evt", "attempts": "att"}
DAYS_AHEAD = 7
_DAY = timedelta(days=1)
_NAME = re.compile(r"(?P<table>[a-z_]+)_(?P<day>\d{8})")


def ensure_partitions(*, now: datetime, days_ahead: int = DAYS_AHEAD, days_back: int = 1) -> list[str]:
    """Makes what is missing from yesterday to a week ahead; returns the names made. Safe to run many times at once.

    Yesterday too: an id made before midnight may be written after it.
    """
    made = []
    first = _midnight(now) - days_back * _DAY
    existing = set(_existing())
    for offset in range(days_back + days_ahead + 1):
        day = first + offset * _DAY
        for table in PREFIXES:
            name = f"{table}_{day:%Y%m%d}"
            if name not in existing and _make(table, name, day):
                made.append(name)
    return made


def with_partitions(write: Callable[[], Result]) -> Result:
    """What `write` returns; when partitions are missing (beat was away for a week), makes them and writes again."""
    try:
        return write()
    except psycopg.errors.CheckViolation:
        try:
            ensure_partitions(now=datetime.now(UTC))
        finally:
            # Of a thread that has no other use for it.
            if not connection.in_atomic_block:
                connection.close()
        return write()


def drop_expired_partitions(*, now: datetime, retention_days: int) -> list[str]:
    """Drops the partitions whose last row is older than the retention; returns their names."""
    last_kept = _midnight(now) - retention_days * _DAY
    dropped = []
    for name in _existing():
        match = _NAME.fullmatch(name)
        if match and datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC) < last_kept:
            _drop(match["table"], name)
            dropped.append(name)
    return dropped


def _make(table: str, name: str, day: datetime) -> bool:
    """One partition: built aside and attached, since attaching lets reads and writes of the table go on."""
    prefix = PREFIXES[table]
    bounds = [first_id_at(prefix, day), first_id_at(prefix, day + _DAY)]
    with connection.cursor() as cursor:
        # One maker at a time; the lock ends with the statement's transaction or the session.
        cursor.execute("SELECT pg_advisory_lock(hashtext('fasthook partitions'))")
        try:
            cursor.execute("SELECT to_regclass(%s)", [name])
            if cursor.fetchone()[0] is not None:
                return False
            cursor.execute(
                f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL);"
                f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
            )
            return True
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('fasthook partitions'))")


def _drop(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
        else:
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY")
        cursor.execute(f"DROP TABLE {name}")


def _existing() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = ANY(%s) ORDER BY child.relname",
            [list(PREFIXES)],
        )
        rows = cursor.fetchall()
    return (row[0] for row in rows)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
