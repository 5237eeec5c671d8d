"""Rows of a batch's branches, written by COPY: events, changed payloads, executions, delivery jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.types.json import Jsonb

from events.routing.decide import Branch
from events.routing.execution_rows import EXECUTION_COLUMNS, execution_row
from events.states import IgnoredCause, Rank, Status, Trigger

_EVENT_COLUMNS = {
    "id": "text",
    "team_id": "text",
    "request_id": "text",
    "source_id": "text",
    "connection_id": "text",
    "destination_id": "text",
    "status": "text",
    "attempts": "int4",
    "failure_message": "text",
    "ignored_cause": "text",
    "ignored_meta": "jsonb",
    "next_attempt_at": "timestamptz",
    "batch_operation_id": "text",
    "has_payload": "bool",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_PAYLOAD_COLUMNS = {
    "id": "text",
    "method": "text",
    "path": "text",
    "query": "text",
    "headers": "jsonb",
    "body": "bytea",
}
_JOB_COLUMNS = {
    "event_id": "text",
    "team_id": "text",
    "request_id": "text",
    "source_id": "text",
    "connection_id": "text",
    "destination_id": "text",
    "rank": "int2",
    "due_at": "timestamptz",
    "attempt_number": "int4",
    "retry_number": "int4",
    "trigger": "text",
    "body_size": "int4",
    "has_payload": "bool",
    "batch_operation_id": "text",
    "claim_count": "int2",
}


def end_withdrawn(cursor: Cursor[Any], branches: Sequence[Branch]) -> Sequence[Branch]:
    """The branches, without deliveries for bulk operations that were cancelled before their replays were routed."""
    operation_ids = {branch.request.batch_operation_id for branch in branches} - {None}
    if not operation_ids:
        return branches
    cursor.execute("SELECT id FROM bulk_operation WHERE id = ANY(%s) AND status = 'CANCELLED'", [list(operation_ids)])
    cancelled = {operation_id for (operation_id,) in cursor.fetchall()}
    return [
        replace(branch, status=Status.CANCELLED, due_at=None, ignored_cause=IgnoredCause.CANCELLED_IN_BULK)
        if branch.is_open and branch.request.batch_operation_id in cancelled
        else branch
        for branch in branches
    ]


def write_branches(cursor: Cursor[Any], branches: Sequence[Branch]) -> int:
    """Returns how many deliveries are due now."""
    now = datetime.now(UTC)
    waiting = [branch for branch in branches if branch.due_at is not None]
    _copy(cursor, "events", _EVENT_COLUMNS, (_event_row(branch, now) for branch in branches), count=len(branches))
    write_outcomes(cursor, branches, now=now)
    _write_bulk_outcomes(cursor, branches)
    _copy(cursor, "delivery_job", _JOB_COLUMNS, map(_job_row, waiting), count=len(waiting))
    return sum(branch.due_at <= now for branch in waiting if branch.due_at is not None)


def write_outcomes(cursor: Cursor[Any], branches: Sequence[Branch], *, now: datetime) -> None:
    """What their transformations made of the requests, and that they ran."""
    changed = [branch for branch in branches if branch.payload is not None]
    _copy(cursor, "event_payloads", _PAYLOAD_COLUMNS, map(_payload_row, changed), count=len(changed))
    ran = [_execution_row(branch, now) for branch in branches if branch.outcome is not None]
    _copy(cursor, "transformation_executions", EXECUTION_COLUMNS, ran, count=len(ran))


def _write_bulk_outcomes(cursor: Cursor[Any], branches: Sequence[Branch]) -> None:
    """What failed in its rules, is held or was withdrawn is done for the operation that had its request accepted again.
    Ignored branches never were deliveries."""
    ended = Counter(
        (branch.request.batch_operation_id, branch.status)
        for branch in branches
        if branch.request.batch_operation_id is not None and branch.due_at is None and branch.ignored_meta is None
    )
    for operation_id in {operation_id for operation_id, _ in ended}:
        counts = [ended[operation_id, status] for status in (Status.FAILED, Status.CANCELLED, Status.HOLD)]
        cursor.execute(
            "INSERT INTO bulk_outcome (operation_id, done, failed, cancelled, held) VALUES (%s, 0, %s, %s, %s)",
            [operation_id, *counts],
        )


def _copy(
    cursor: Cursor[Any], table: str, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]], *, count: int
) -> None:
    if not count:
        return
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


def _event_row(branch: Branch, now: datetime) -> tuple[Any, ...]:
    connection = branch.connection
    return (
        branch.event_id,
        connection.team_id,
        branch.request.id,
        connection.source_id,
        connection.id,
        connection.destination_id,
        branch.status,
        0,
        branch.failure_message,
        branch.ignored_cause,
        Jsonb(branch.ignored_meta, dumps=orjson.dumps) if branch.ignored_meta else None,
        branch.due_at if branch.status is Status.SCHEDULED else None,
        branch.request.batch_operation_id,
        branch.payload is not None,
        now,
        now,
    )


def _payload_row(branch: Branch) -> tuple[Any, ...]:
    payload = branch.payload
    assert payload is not None
    headers = Jsonb(payload.headers, dumps=orjson.dumps)
    return (branch.event_id, payload.method, payload.path, payload.query, headers, payload.body)


def _execution_row(branch: Branch, now: datetime) -> tuple[Any, ...]:
    connection, outcome = branch.connection, branch.outcome
    assert outcome is not None
    return execution_row(
        outcome,
        team_id=connection.team_id,
        transformation_id=connection.rules.transformation_id or "",
        connection_id=connection.id,
        request_id=branch.request.id,
        event_id=branch.event_id,
        now=now,
    )


def _job_row(branch: Branch) -> tuple[Any, ...]:
    connection, payload = branch.connection, branch.payload
    return (
        branch.event_id,
        connection.team_id,
        branch.request.id,
        connection.source_id,
        connection.id,
        connection.destination_id,
        int(Rank.FIRST if branch.request.batch_operation_id is None else Rank.BULK),
        branch.due_at,
        1,
        0,
        Trigger.INITIAL,
        branch.request.body_size if payload is None else len(payload.body),
        payload is not None,
        branch.request.batch_operation_id,
        0,
    )
