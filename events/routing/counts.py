"""Counts and log lines of routing: one committed batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import structlog

from events.routing.decide import Branch
from fasthook.metrics import registry

log = structlog.get_logger(__name__)


def count_routed(request_ids: Collection[str], branches: Sequence[Branch]) -> None:
    """One committed batch of routing."""
    if not request_ids:
        return
    registry.requests_routed.add(len(request_ids))
    ignored = Counter(b.ignored_cause.value for b in branches if b.ignored_cause and b.ignored_meta is not None)
    created = Counter(branch.status.value for branch in branches if branch.ignored_meta is None)
    for cause, count in ignored.items():
        registry.branches_ignored.add(count, cause)
    for status, count in created.items():
        registry.events_created.add(count, status)
    log.info("requests.routed", request_ids=list(request_ids), event_ids=[branch.event_id for branch in branches])
