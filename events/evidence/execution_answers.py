"""Answers of transformation executions."""

from __future__ import annotations

from typing import Any

import orjson

from events.evidence.answers import made_at
from events.models import Request, TransformationExecution
from events.storage.payload_json import data_answer
from events.storage.payloads import payload_of


def execution_answer(row: TransformationExecution) -> dict[str, Any]:
    error = None
    if row.error is not None:
        error = {"kind": row.error_kind, "message": row.error, "line": row.line, "column": row.column_number}
    return {
        "id": row.id,
        "team_id": row.team_id,
        "transformation_id": row.transformation_id,
        "connection_id": row.connection_id,
        "request_id": row.request_id,
        "event_id": row.event_id,
        "status": row.status,
        "error": error,
        "duration_ms": row.duration_us / 1000,
        "cpu_ms": row.cpu_us / 1000,
        "created_at": made_at(row.id),
    }


def execution_detail(row: TransformationExecution, request: Request | None) -> dict[str, Any]:
    """With `logs`, `before` (None when the request's evidence is gone) and `after` (None when nothing changed)."""
    return {
        **execution_answer(row),
        "logs": orjson.loads(row.logs) if row.logs else [],
        "before": data_answer(payload_of(request)) if request else None,
        "after": orjson.Fragment(row.after) if row.after else None,
    }
