"""The configuration lock as the data plane takes it, shared: configuration cannot change from here to the commit."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, Cursor

from teams.config.lock import CONFIG_LOCK

# Django's connection, inside transaction.atomic(), or one of the data plane's, inside its transaction().
Door = BaseDatabaseWrapper | Connection[Any]

_LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared(%s)"


def lock_configuration(cursor: Cursor[Any]) -> None:
    """Shared, until the transaction ends."""
    cursor.execute(_LOCK_SHARED, [CONFIG_LOCK])


def lock_configuration_for_page(door: Door) -> None:
    """Shared, until the transaction ends. Take it before any row is locked: a change of configuration waits for it
    while it holds rows of configuration."""
    with door.cursor() as cursor:
        # A page joins a thousand jobs to evidence by key. Over weeks of partitions the planner would rather read all of
        # them whole, and again for each page.
        cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        cursor.execute(_LOCK_SHARED, [CONFIG_LOCK])
