"""Counts and log lines of ingress: one committed group of requests at a time, after its commit."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from events.ingress.store import CapturedRequest
from fasthook.metrics import registry

log = structlog.get_logger(__name__)


def count_stored(requests: Sequence[CapturedRequest]) -> None:
    """One committed group of ingress."""
    accepted = [request.id for request in requests if request.rejection_cause is None]
    rejected = {request.id: request.rejection_cause for request in requests if request.rejection_cause is not None}
    registry.capture_group_requests.observe(len(requests))
    registry.requests_accepted.add(len(accepted))
    log.info("requests.stored", request_ids=accepted, **({"rejected": rejected} if rejected else {}))
