"""The end of operations: completed when the last delivery that they queued is done, withdrawn after a cancel.

What waits says itself whose it is, so nothing is kept of a withdrawal: each page is a transaction, and the next
worker goes on behind it.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from events.lifecycle.moves import withdraw_events
from events.storage.config_lock import lock_configuration_for_page
from fasthook.lib.sql import load_statements

log = structlog.get_logger(__name__)

SQL = load_statements(Path(__file__).parent / "sql" / "ending.sql")


def find_withdrawable() -> list[str]:
    """The cancelled operations that have something waiting. What is in flight is let finish."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)
        cursor.execute(SQL["find_withdrawable"])
        return [operation_id for (operation_id,) in cursor.fetchall()]


def withdraw_page(operation_id: str) -> int:
    """How many deliveries were withdrawn; 0 when none was left, or others hold what is. A fault of one operation leaves
    the others alone."""
    try:
        with transaction.atomic():
            lock_configuration_for_page(connection)
            with connection.cursor() as cursor:
                cursor.execute(_BY_INDEX)
            return withdraw_events(connection, operation_id)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("bulk_operation.withdraw_failed", operation_id=operation_id)
        return 0


def finish_done() -> None:
    """Operations of which nothing waits and nothing is in flight any more are over."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)
        cursor.execute(SQL["finish_done"])
        over = cursor.fetchall()
    for operation_id, status, queued in over:
        event = "bulk_operation.completed" if status == "COMPLETED" else "bulk_operation.withdrawn"
        log.info(event, operation_id=operation_id, queued=queued)


# To Postgres's statistics the queue may be empty, as it was when it was looked at last: it would read all of it, or all
# of an operation's, to find one.
_BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
