"""Rows of transformation executions: what routing writes of each run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from connections.sandbox.jobs import Message, Outcome, RunStatus
from events.storage.payload_json import data_answer
from events.storage.payloads import Payload
from fasthook.lib.ids import new_id
from fasthook.lib.plural import for_count

# Of the evidence, not of the run: what is beyond is cut, the event itself keeps its payload whole.
MAX_AFTER_BODY_BYTES: Final = 64 * 1024
MAX_LOGS_BYTES: Final = 64 * 1024

# For COPY ... (FORMAT BINARY), in the order of `execution_row`.
EXECUTION_COLUMNS: Final[Mapping[str, str]] = {
    "id": "text",
    "team_id": "text",
    "transformation_id": "text",
    "connection_id": "text",
    "request_id": "text",
    "event_id": "text",
    "status": "text",
    "error": "text",
    "error_kind": "text",
    "line": "int4",
    "column_number": "int4",
    "logs": "text",
    "duration_us": "int4",
    "cpu_us": "int4",
    "after": "text",
    "created_at": "timestamptz",
}


def execution_row(
    outcome: Outcome,
    *,
    team_id: str,
    transformation_id: str,
    connection_id: str,
    request_id: str,
    event_id: str,
    now: datetime,
) -> tuple[Any, ...]:
    """One row for EXECUTION_COLUMNS. A run that was NOT_RUN leaves none."""
    if outcome.status is RunStatus.NOT_RUN:
        raise ValueError("there is no evidence of what did not run")
    return (
        new_id("txe"),
        team_id,
        transformation_id,
        connection_id,
        request_id,
        event_id,
        outcome.status.value,
        outcome.error,
        outcome.error_kind.value if outcome.error_kind else None,
        outcome.line,
        outcome.column,
        _logs_text(outcome),
        outcome.duration_us,
        outcome.cpu_us,
        _after_text(outcome.request) if outcome.request is not None else None,
        now,
    )


def _after_text(message: Message) -> str:
    body = message.body[:MAX_AFTER_BODY_BYTES]
    payload = Payload(
        method=message.method,
        path=message.path,
        query=message.query,
        headers=[list(pair) for pair in message.headers],
        body=body,
        body_size=len(message.body),
    )
    return orjson.dumps(data_answer(payload)).decode()


def _logs_text(outcome: Outcome) -> str | None:
    """The first lines, as many as fit."""
    if not outcome.logs:
        return None
    kept: list[dict[str, str]] = []
    room = MAX_LOGS_BYTES
    for line in outcome.logs:
        room -= len(line.message.encode())
        if room < 0:
            cut = len(outcome.logs) - len(kept)
            words = for_count(cut, "line was", "lines were")
            kept.append({"level": "warn", "message": f"[{cut} more {words} not kept]"})
            break
        kept.append({"level": line.level, "message": line.message})
    return orjson.dumps(kept).decode()
