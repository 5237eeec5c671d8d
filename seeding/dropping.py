"""Dropping seeded history: partitions that hold nothing else go whole, from others its rows are deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import connection, transaction

from events.models import DeliveryJob
from events.storage.partitions import PREFIXES, ensure_partitions
from fasthook.lib.plural import for_count
from seeding.loading import read_mark
from seeding.routes import remove_routes, seeded_connection_ids, seeded_source_ids
from teams.models import Team


def drop_history(team: Team, *, now: datetime, report: Callable[[str], None]) -> int:
    """Removes what was seeded for the team, and its routes; returns how many partitions were dropped."""
    ids = {"source_id": seeded_source_ids(team), "connection_id": seeded_connection_ids(team)}
    dropped = 0
    for name in _marked_for(team.id):
        table = name[:-9]
        column = "source_id" if table == "requests" else "connection_id"
        with transaction.atomic():
            if _holds_only(name, column, ids[column]):
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP TABLE {name}")
                dropped += 1
                report(f"{name}: dropped")
            else:
                deleted = _delete(name, column, ids[column])
                report(f"{name}: {deleted:,} {for_count(deleted, 'row', 'rows')} deleted")
    DeliveryJob.objects.filter(connection_id__in=ids["connection_id"]).delete()
    remove_routes(team, now=now)
    ensure_partitions(now=now)
    return dropped


def _marked_for(team_id: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relname ~ %s AND relnamespace = current_schema()::regnamespace ORDER BY relname",
            [f"^({'|'.join(PREFIXES)})_[0-9]{{8}}$"],
        )
        found = [(name, read_mark(comment)) for name, comment in cursor.fetchall()]
    return [name for name, mark in found if mark and team_id in mark.events]


def _holds_only(name: str, column: str, ids: list[str]) -> bool:
    with connection.cursor() as cursor:
        # Rows that are not committed yet would be missed otherwise.
        cursor.execute(f"LOCK TABLE {name} IN SHARE MODE")
        cursor.execute(f"SELECT NOT EXISTS (SELECT 1 FROM {name} WHERE {column} <> ALL(%s))", [ids])  # noqa: S608
        return bool(cursor.fetchone()[0])


def _delete(name: str, column: str, ids: list[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {name} WHERE {column} = ANY(%s)", [ids])  # noqa: S608
        deleted: int = cursor.rowcount
        cursor.execute(f"COMMENT ON TABLE {name} IS NULL")
    return deleted
