"""Evidence as the API shows it: Request, Event, Attempt, latest input. Reading rows is left to selectors."""

from __future__ import annotations

from typing import Any

from events.evidence.selectors import BranchCounts
from events.models import Attempt, Event, Request
from events.storage.payload_json import data_answer
from events.storage.payloads import Payload
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of


def request_answer(request: Request, counts: BranchCounts) -> dict[str, Any]:
    return {
        "id": request.id,
        "team_id": request.team_id,
        "source_id": request.source_id,
        "status": request.status,
        "verified": request.verified,
        "rejection_cause": request.rejection_cause,
        "handshake": request.handshake,
        "events_count": counts.events,
        "ignored_count": counts.ignored,
        "is_retry": request.retry_parent_request_id is not None,
        "retry_parent_request_id": request.retry_parent_request_id,
        "batch_operation_id": request.batch_operation_id,
        "created_at": made_at(request.id),
        "ingested_at": iso(request.ingested_at),
    }


def event_answer(event: Event) -> dict[str, Any]:
    """`ignored_meta` (what a branch failed, or the request it repeats) only with `ignored_cause`."""
    answer = {
        "id": event.id,
        "team_id": event.team_id,
        "request_id": event.request_id,
        "source_id": event.source_id,
        "connection_id": event.connection_id,
        "webhook_id": event.connection_id,
        "destination_id": event.destination_id,
        "status": event.status,
        "attempts": event.attempts,
        "response_status": event.response_status,
        "error_code": event.error_code,
        "failure_message": event.failure_message,
        "ignored_cause": event.ignored_cause,
        "next_attempt_at": iso(event.next_attempt_at),
        "last_attempt_at": iso(event.last_attempt_at),
        "successful_at": iso(event.successful_at),
        "batch_operation_id": event.batch_operation_id,
        "transformed": event.has_payload,
        "created_at": made_at(event.id),
        "updated_at": iso(event.updated_at),
    }
    return answer if event.ignored_cause is None else {**answer, "ignored_meta": event.ignored_meta}


def attempt_answer(attempt: Attempt) -> dict[str, Any]:
    """`error_message` only where there is one."""
    answer = {
        "id": attempt.id,
        "team_id": attempt.team_id,
        "event_id": attempt.event_id,
        "connection_id": attempt.connection_id,
        "destination_id": attempt.destination_id,
        "attempt_number": attempt.attempt_number,
        "trigger": attempt.trigger,
        "batch_operation_id": attempt.batch_operation_id,
        "status": attempt.status,
        "response_status": attempt.response_status,
        "error_code": attempt.error_code,
        "requested_url": attempt.requested_url,
        "http_method": attempt.http_method,
        "request_headers": attempt.request_headers,
        "response_headers": attempt.response_headers,
        "body": attempt.body,
        "latency": attempt.latency,
        "created_at": made_at(attempt.id),
        "delivered_at": iso(attempt.delivered_at),
    }
    return answer if attempt.error_message is None else {**answer, "error_message": attempt.error_message}


def latest_input_answer(connection_id: str, request: Request | None, payload: Payload | None) -> dict[str, Any]:
    if request is None or payload is None:
        return {"connection_id": connection_id, "latest_input": None}
    data = data_answer(payload) or {}
    return {
        "connection_id": connection_id,
        "latest_input": {
            "source_id": request.source_id,
            "request_id": request.id,
            "created_at": made_at(request.id),
            "input": {
                name: data[name]
                for name in ("headers", "body", "body_encoding", "query", "parsed_query", "path", "method")
            },
        },
    }


def made_at(identifier: str) -> str | None:
    """`created_at` of evidence: the id's own time, which is what lists order and range by."""
    return iso(time_of(identifier))
