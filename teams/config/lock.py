"""The clock of configuration: how a change reaches every process exactly, within a second, without a query per event.

A change takes the next version while it holds `CONFIG_LOCK`, and writes it into the changed row in the same
transaction. So versions commit in order, and "rows newer than the version I have seen" is an exact, incremental read.
Routing writes its branches under the same lock, shared, after comparing versions: no branch is ever written
under rules or a state that had already changed.
"""

from __future__ import annotations

from django.db import connection

# Key of the Postgres advisory lock; exclusive for changes of configuration, shared for writing branches.
CONFIG_LOCK = 4_271_001


def lock_config_exclusive() -> None:
    """From here to the end of the transaction nobody else changes configuration: what is read now stays true."""
    if not connection.in_atomic_block:
        raise RuntimeError("the configuration lock is held by a transaction: use transaction.atomic()")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CONFIG_LOCK])


def lock_config_shared() -> None:
    """Until the end of the transaction nobody changes configuration. Only for those who wait for no row meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [CONFIG_LOCK])


def next_config_version() -> int:
    """The version for a row that is about to be saved. Call it inside the transaction, as late as possible.

    Waits for branches being written just now (milliseconds) and for other changes of configuration.
    """
    lock_config_exclusive()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE teams_configversion SET version = version + 1 WHERE id = 1 RETURNING version")
        row = cursor.fetchone()
    return int(row[0])


CURRENT_VERSION_SQL = "SELECT version FROM teams_configversion WHERE id = 1"
