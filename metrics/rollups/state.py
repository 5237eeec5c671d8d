"""The state of rollups: up to when they are true, who may move that on, and where the rows begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import connection

from metrics.rollups.tables import ROLLUPS

# Key of a Postgres advisory lock: the writer of rollups has it. Triggers only add to the _late tables and need none.
_LOCK = 4_271_009


def counted_before() -> datetime | None:
    """None before anything was counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT counted_before FROM metrics_rollup")
        row = cursor.fetchone()
    return row[0] if row else None


@contextmanager
def only_counter(*, waits: bool = False) -> Iterator[bool]:
    """Whether this is the only one who counts, until the end. With `waits` it always is, sooner or later."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {'pg_advisory_lock' if waits else 'pg_try_advisory_lock'}(%s)", [_LOCK])
        mine = waits or bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def first_day(*, complete: bool) -> datetime | None:
    """The oldest day that has a partition in any table of evidence; with `complete`, in all of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(right(piece.relname, 8)) FROM pg_inherits"
            " JOIN pg_class AS piece ON piece.oid = inhrelid WHERE inhparent = ANY(%s::regclass[]) GROUP BY inhparent",
            [list(ROLLUPS)],
        )
        days = [datetime.strptime(row[0], "%Y%m%d").replace(tzinfo=UTC) for row in cursor.fetchall()]
    return (max if complete else min)(days, default=None)
