"""Indexes on evidence tables that are made or dropped while the product runs, whatever there is in them.

Postgres cannot build an index on a partitioned table concurrently. So the table gets an empty one, each partition is
built concurrently, and the pieces are attached; the table's becomes valid with the last. Every step may be repeated:
after an interruption the same call goes on. Locks that stop writers are asked for briefly, and asked for again.
"""

from __future__ import annotations

import time

from django.db import OperationalError, connection

_LOCK_TIMEOUT_MS = 500
_PAUSE_S = 1.0
_TRIES = 120


def create_index(name: str, table: str, definition: str) -> None:
    """`definition` is what follows the table's name in CREATE INDEX. Not inside a transaction, unless it is empty."""
    if _is_empty(table):
        _execute(f"CREATE INDEX IF NOT EXISTS {name} ON {table} {definition}")
        return
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '256MB'")
    _execute_soon(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {definition}")
    # Partitions made meanwhile come with the index; those that were being made are seen by the next look.
    while missing := _partitions_without(name, table):
        for partition in missing:
            piece = f"{partition}_{name.removeprefix(f'{table}_')}"
            if _is_invalid(piece):
                _execute(f"DROP INDEX CONCURRENTLY {piece}")
            _execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {piece} ON {partition} {definition}")
            _execute_soon(f"ALTER INDEX {name} ATTACH PARTITION {piece}")
    with connection.cursor() as cursor:
        cursor.execute("RESET maintenance_work_mem")


def drop_index(name: str) -> None:
    _execute_soon(f"DROP INDEX IF EXISTS {name}")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _execute_soon(statement: str) -> None:
    """Waiting for a lock holds up everybody behind us, so not for long; OperationalError when it is never free."""
    if connection.in_atomic_block:
        _execute(statement)
        return
    for left in reversed(range(_TRIES)):
        try:
            _execute(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}")
            _execute(statement)
            return
        except OperationalError:
            if not left:
                raise
            time.sleep(_PAUSE_S)
        finally:
            _execute("RESET lock_timeout")


def _is_empty(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT NOT EXISTS (SELECT 1 FROM {table})")  # noqa: S608
        return bool(cursor.fetchone()[0])


def _partitions_without(name: str, table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT piece.inhrelid::regclass::text FROM pg_inherits AS piece WHERE piece.inhparent = %s::regclass"
            " AND NOT EXISTS (SELECT 1 FROM pg_inherits JOIN pg_index ON pg_index.indexrelid = pg_inherits.inhrelid"
            " WHERE pg_inherits.inhparent = %s::regclass AND pg_index.indrelid = piece.inhrelid)"
            " ORDER BY 1 DESC",
            [table, name],
        )
        return [row[0] for row in cursor.fetchall()]


def _is_invalid(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        row = cursor.fetchone()
        return bool(row and row[0])
