"""The timeline before the branches: received, verified or turned away, routed; and the replays of the request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from events.evidence.timeline.entries import Entry, Kind
from events.evidence.timeline.reading import MAX_REPLAYS, Evidence
from events.models import RequestStatus
from fasthook.lib.ids import time_of
from teams.audit.as_of import UNKNOWN

_REJECTIONS: Final = {
    "SOURCE_DISABLED": "Rejected: the source was disabled",
    "SOURCE_METHOD_NOT_ALLOWED": "Rejected: the source does not take this method",
    "PAYLOAD_TOO_LARGE": "Rejected: the body was too large; its headers are stored",
    "SOURCE_AUTH_FAILED": "Rejected: the source's authentication did not pass",
}


def tell_arrival(evidence: Evidence) -> Iterator[Entry]:
    request = evidence.request
    at, request_id = time_of(request.id), request.id
    if request.retry_parent_request_id:
        parent = request.retry_parent_request_id
        title = "A replay of an earlier request, accepted again through the routing of now"
        yield Entry(at, Kind.REPLAY_OF, title, {"retry_parent_request_id": parent}, request_id=request_id)
    if request.batch_operation_id:
        title = "Made by a bulk operation"
        yield Entry(
            at, Kind.BULK_OPERATION, title, batch_operation_id=request.batch_operation_id, request_id=request_id
        )
    yield Entry(at, Kind.RECEIVED, _received_title(evidence), _received_detail(evidence), request_id=request_id)
    yield from _tell_verdict(evidence)
    yield from _tell_routing(evidence)
    for replay in evidence.replays[:MAX_REPLAYS]:
        detail = {"request_id": replay.id, "status": replay.status}
        yield Entry(
            time_of(replay.id),
            Kind.REPLAYED_AS,
            "Replayed as another request",
            detail,
            batch_operation_id=replay.batch_operation_id,
            request_id=request_id,
        )


def _received_title(evidence: Evidence) -> str:
    name = evidence.source["name"] or evidence.source["id"]
    return f"{evidence.request.method} received by source {name}"


def _received_detail(evidence: Evidence) -> dict[str, Any]:
    request = evidence.request
    return {
        "source_id": request.source_id,
        "source_name": evidence.source["name"],
        "method": request.method,
        "path": request.path,
        "client_ip": request.client_ip,
        "body_size": getattr(request, "body_size", None),
    }


def _tell_verdict(evidence: Evidence) -> Iterator[Entry]:
    request = evidence.request
    at, request_id = time_of(request.id), request.id
    auth_type = _auth_type_then(evidence)
    detail = {
        "verified": request.verified,
        "auth_type": None if auth_type is UNKNOWN else auth_type,
        "source_type": evidence.source["type"],
    }
    if request.status == RequestStatus.REJECTED:
        cause = request.rejection_cause or ""
        title = _REJECTIONS.get(cause, f"Rejected: {cause}")
        if cause == "SOURCE_AUTH_FAILED" and isinstance(auth_type, str):
            title += f" ({_scheme(evidence, auth_type)})"
        yield Entry(at, Kind.REJECTED, title, {**detail, "rejection_cause": cause}, request_id=request_id)
        return
    if request.verified and request.retry_parent_request_id:
        title = "Verified when the first request came in; a replay is not verified again"
    elif request.verified:
        scheme = _scheme(evidence, auth_type) if isinstance(auth_type, str) else "the source's authentication of then"
        title = f"Verified by {scheme}"
    elif request.handshake:
        title = "A provider's handshake, which carries nothing to verify"
    elif request.retry_parent_request_id:
        title = "Not verified: a replay is not verified again, and the first request was not, or was changed"
    else:
        title = "Not verified: the source had no authentication"
        detail["auth_type"] = None
    yield Entry(at, Kind.VERIFICATION, title, detail, request_id=request_id)
    if request.handshake:
        yield Entry(
            at, Kind.HANDSHAKE, "Answered as the provider expects; handshakes make no events", request_id=request_id
        )


def _auth_type_then(evidence: Evidence) -> Any:
    """The source's `auth_type` when the request came; UNKNOWN when the audit log did not keep it."""
    key = (evidence.request.source_id, "config.auth_type")
    return evidence.past.get(key, evidence.source["auth_type"])


def _scheme(evidence: Evidence, auth_type: str) -> str:
    source_type = evidence.source["type"]
    named = auth_type == "PROVIDER_SIGNATURE" and source_type not in (None, "WEBHOOK")
    return f"{auth_type} of {source_type}" if named else auth_type


def _tell_routing(evidence: Evidence) -> Iterator[Entry]:
    request = evidence.request
    if request.status == RequestStatus.REJECTED or request.handshake:
        return
    if evidence.page.rows:
        counts = evidence.counts
        at = time_of(evidence.page.rows[0].id)
        title = f"Routed to {_count(counts.events + counts.ignored, 'connection')}"
        detail = {"events_count": counts.events, "ignored_count": counts.ignored}
    elif evidence.waits_for_routing:
        at, title, detail = request.ingested_at, "Waits to be routed", {"waiting": True}
    else:
        at, title = request.ingested_at, "Routed to no connection: the source had none that was live"
        detail = {"events_count": 0, "ignored_count": 0}
    yield Entry(at, Kind.ROUTING, title, detail, request_id=request.id)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
