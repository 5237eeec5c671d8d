"""Storing requests: a group of rows in one COPY, and the counts of requests that are not stored.

The table's trigger writes the route job of each request that is to be routed, in the same commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg import Connection
from psycopg.types.json import Jsonb

from fasthook.lib.ids import time_of


@dataclass(frozen=True, slots=True)
class CapturedRequest:
    """One row of `requests`, before it is written. `headers` are pairs of lower-case name and value."""

    id: str
    team_id: str
    source_id: str
    rejection_cause: str | None
    verified: bool
    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None
    client_ip: str
    handshake: bool = False
    retry_parent_request_id: str | None = None
    batch_operation_id: str | None = None

    @property
    def routed(self) -> bool:
        return self.rejection_cause is None and not self.handshake

    @property
    def size(self) -> int:
        return len(self.body or b"")


_REQUEST_COLUMNS = {
    "id": "text",
    "team_id": "text",
    "source_id": "text",
    "status": "text",
    "rejection_cause": "text",
    "verified": "bool",
    "handshake": "bool",
    "method": "text",
    "path": "text",
    "query": "text",
    "headers": "jsonb",
    "body": "bytea",
    "client_ip": "text",
    "retry_parent_request_id": "text",
    "batch_operation_id": "text",
    "created_at": "timestamptz",
    "ingested_at": "timestamptz",
}
_COPY_REQUESTS = f"COPY requests ({', '.join(_REQUEST_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_ADD_DISCARDED = """
INSERT INTO discarded_requests (team_id, source_id, minute, rejection_cause, count) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (source_id, minute, rejection_cause) DO UPDATE SET count = discarded_requests.count + excluded.count
"""


def write_requests(connection: Connection[Any], requests: Sequence[CapturedRequest]) -> None:
    """Writes requests and, by the table's trigger, the jobs of those that are to be routed: all of them or none."""
    now = datetime.now(UTC)
    with connection.cursor() as cursor, cursor.copy(_COPY_REQUESTS) as copy:
        copy.set_types(list(_REQUEST_COLUMNS.values()))
        for request in requests:
            copy.write_row(_row(request, now))


def _row(request: CapturedRequest, now: datetime) -> tuple[Any, ...]:
    return (
        request.id,
        request.team_id,
        request.source_id,
        "accepted" if request.rejection_cause is None else "rejected",
        request.rejection_cause,
        request.verified,
        request.handshake,
        request.method,
        request.path,
        request.query,
        Jsonb(request.headers, dumps=orjson.dumps),
        request.body,
        request.client_ip,
        request.retry_parent_request_id,
        request.batch_operation_id,
        time_of(request.id),
        now,
    )


def add_discarded(connection: Connection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_ADD_DISCARDED, rows)
