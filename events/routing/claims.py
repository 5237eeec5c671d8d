"""Claims of route jobs: leased, given back, postponed, finished by the worker that still holds the lease."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from psycopg import Connection, Cursor

from events.routing.decide import RoutableRequest
from fasthook.lib.ids import time_of
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "claims.sql")
BATCH_BYTES = 32 * 1024 * 1024


def claim_jobs(connection: Connection[Any], token: UUID, *, slow: bool, limit: int) -> list[RoutableRequest]:
    rows = connection.execute(
        SQL["claim_route_jobs"],
        {"slow": slow, "limit": limit, "bytes": BATCH_BYTES, "lease_s": settings.ROUTE_LEASE_S, "token": token},
    ).fetchall()
    return [
        RoutableRequest(request_id, source_id, time_of(request_id), body_size, claim_count, batch_operation_id)
        for request_id, source_id, body_size, claim_count, batch_operation_id in sorted(rows)
    ]


def postpone_jobs(connection: Connection[Any], request_ids: Sequence[str], token: UUID) -> None:
    connection.execute(SQL["postpone_route_jobs"], {"ids": list(request_ids), "token": token})


def return_jobs(connection: Connection[Any], request_ids: Sequence[str], token: UUID) -> None:
    connection.execute(SQL["return_route_jobs"], {"ids": list(request_ids), "token": token})


def finish_jobs(cursor: Cursor[Any], request_ids: Sequence[str], token: UUID) -> tuple[int, list[str]]:
    """The version of the configuration, and the requests whose jobs were still leased to this claim."""
    cursor.execute(SQL["finish_route_jobs"], {"ids": list(request_ids), "token": token})
    version, finished = cursor.fetchall()[0]
    return version, finished
