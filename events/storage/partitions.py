"""Daily partitions of the evidence tables: made ahead of time, dropped when retention (`retention.py`) says so.

A day's bounds are the smallest ids of its midnight and the next, so a row's partition follows from its id alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
from django.db import IntegrityError, OperationalError, connection

from fasthook.lib.ids import first_id_at

Result = TypeVar("Result")

PREFIXES = {
    "requests": "req",
    "events": "evt",
    "event_payloads": "evt",
    "attempts": "att",
    "transformation_executions": "txe",
}
DAYS_AHEAD = 7
LOCK_WAIT_MS = 5000
_DAY = timedelta(days=1)
_NAME = re.compile(r"(?P<table>[a-z_]+)_(?P<day>\d{8})")


@dataclass(frozen=True, slots=True)
class Partition:
    name: str
    is_attached: bool
    is_detaching: bool


def ensure_partitions(*, now: datetime, days_ahead: int = DAYS_AHEAD, days_back: int = 1) -> list[str]:
    """Makes what is missing from yesterday to a week ahead; returns the names made. Safe to run many times at once.

    Yesterday too: an id made before midnight may be written after it.
    """
    made = []
    first = _midnight(now) - days_back * _DAY
    existing = {partition.name for partition in _existing()}
    tables = _partitioned()
    for offset in range(days_back + days_ahead + 1):
        day = first + offset * _DAY
        for table in tables:
            name = f"{table}_{day:%Y%m%d}"
            if name not in existing and _make(table, name, day):
                made.append(name)
    return made


def with_partitions(write: Callable[[], Result]) -> Result:
    """What `write` returns; when partitions are missing (beat was away for a week), makes them and writes again."""
    try:
        return write()
    except (psycopg.errors.CheckViolation, IntegrityError) as error:
        if isinstance(error, IntegrityError) and not isinstance(error.__cause__, psycopg.errors.CheckViolation):
            raise
        try:
            ensure_partitions(now=datetime.now(UTC))
        finally:
            # Of a thread that has no other use for it.
            if not connection.in_atomic_block:
                connection.close()
        return write()


def first_kept_day(now: datetime, retention_days: int) -> datetime:
    return _midnight(now) - retention_days * _DAY


def expired_partitions(table: str, *, now: datetime, retention_days: int) -> list[Partition]:
    """The partitions of a table whose last row is older than the retention, the oldest first."""
    last_kept = first_kept_day(now, retention_days)
    expired = []
    for partition in _existing():
        match = _NAME.fullmatch(partition.name)
        if match and match["table"] == table and _day(match["day"]) < last_kept:
            expired.append(partition)
    return expired


def end_of(partition: Partition) -> datetime:
    """The midnight that is the next partition's first moment."""
    return _day(partition.name.rpartition("_")[2]) + _DAY


def drop_partition(table: str, partition: Partition) -> bool:
    """Detached without stopping reads and writes. What a crash left half-way is taken on from there.

    False while somebody reads it for long, such as a dump: waiting for that would keep a maintenance thread, and every
    run one more.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_WAIT_MS}ms"])
        try:
            if partition.is_detaching:
                cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {partition.name} FINALIZE")
            elif partition.is_attached:
                how = "" if connection.in_atomic_block else "CONCURRENTLY"
                cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {partition.name} {how}")
            cursor.execute(f"DROP TABLE {partition.name}")
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            return False
        finally:
            if not connection.connection.closed and not connection.needs_rollback:
                cursor.execute("RESET lock_timeout")
    return True


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


def _partitioned() -> list[str]:
    """The tables of PREFIXES that there are: the first migration makes partitions before later ones make tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = current_schema()::regnamespace"
            " AND relname = ANY(%s)",
            [list(PREFIXES)],
        )
        there = {row[0] for row in cursor.fetchall()}
    return [table for table in PREFIXES if table in there]


def _existing() -> list[Partition]:
    """Tables named like partitions, also those that a crash left detached."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, inhparent IS NOT NULL, coalesce(inhdetachpending, false) FROM pg_class"
            " LEFT JOIN pg_inherits ON inhrelid = pg_class.oid"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname ~ %s ORDER BY relname",
            [f"^({'|'.join(PREFIXES)})_[0-9]{{8}}$"],
        )
        return [Partition(*row) for row in cursor.fetchall()]


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
