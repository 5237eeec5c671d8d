"""Branching: what each live connection makes of a request. Decides only; routing reads and writes.

Rules apply in the order deduplicate, filter, delay. Whether a deduplication key is taken is known only under
its lock, so a branch carries its key, and `settle_windows` judges all branches of a batch against the stored windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from connections.catalog import ConnectionEntry
from connections.rules.payload import RuleInput
from events.states import IgnoredCause, Status
from fasthook.lib.ids import new_id

log = structlog.get_logger(__name__)

MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class RoutableRequest:
    """A claimed request. `payload` is read only when one of its connections has a rule that looks at it."""

    id: str
    source_id: str
    created_at: datetime
    body_size: int
    tries: int
    payload: RuleInput | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """An event to be. `due_at` is when its first attempt is due; None means that it gets no job."""

    event_id: str
    request: RoutableRequest
    connection: ConnectionEntry
    status: Status
    due_at: datetime | None = None
    ignored_cause: IgnoredCause | None = None
    ignored_meta: Mapping[str, Any] | None = None
    failure_message: str | None = None
    dedup_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A deduplication window: the request that opened it, and its end."""

    request_id: str
    expires_at: datetime


def looks_at_payload(connection: ConnectionEntry) -> bool:
    return connection.rules.dedup is not None or connection.rules.filter is not None


def decide_branches(
    request: RoutableRequest, connections: Iterable[ConnectionEntry], *, disabled_destinations: frozenset[str]
) -> list[Branch]:
    """One branch per connection, as if no deduplication key were taken yet."""
    return [_decide(request, connection, disabled_destinations) for connection in connections]


def _decide(request: RoutableRequest, connection: ConnectionEntry, disabled_destinations: frozenset[str]) -> Branch:
    branch = Branch(new_id("evt"), request, connection, Status.QUEUED, due_at=request.created_at)
    if connection.destination_id in disabled_destinations:
        return _ignore(branch, IgnoredCause.DESTINATION_DISABLED, {"destination_id": connection.destination_id})
    if request.tries > MAX_TRIES:
        return _fail(branch, f"INTERNAL_ERROR: routing this request ended its worker {MAX_TRIES} times")
    if connection.fault is not None:
        return _fail(branch, f"INTERNAL_ERROR: {connection.fault}")
    try:
        return _apply_rules(branch, request.payload)
    except Exception as error:
        log.exception("branch.failed", request_id=request.id, connection_id=connection.id)
        return _fail(branch, f"INTERNAL_ERROR: a rule could not be evaluated ({type(error).__name__})")


def _apply_rules(branch: Branch, payload: RuleInput | None) -> Branch:
    rules = branch.connection.rules
    if rules.dedup is not None and payload is not None:
        branch = replace(branch, dedup_key=rules.dedup.key(payload))
    if rules.filter is not None and payload is not None:
        result = rules.filter.evaluate(payload)
        if not result.matched:
            return _ignore(branch, IgnoredCause.FILTERED, {"failed_targets": list(result.failed_targets)})
    if rules.delay_ms:
        due_at = branch.request.created_at + timedelta(milliseconds=rules.delay_ms)
        branch = replace(branch, status=Status.SCHEDULED, due_at=due_at)
    if branch.connection.paused:
        return replace(branch, status=Status.HOLD, due_at=None)
    return branch


def settle_windows(
    branches: Sequence[Branch], stored: Mapping[tuple[str, bytes], Window]
) -> tuple[list[Branch], dict[tuple[str, bytes], Window]]:
    """The branches with duplicates ignored, and the windows that were opened, to be stored.

    Judged in the order in which the requests were accepted. A window is fixed from its first request; one that was
    accepted before it but is routed after it counts as a repeat of it too.
    """
    windows = dict(stored)
    opened: dict[tuple[str, bytes], Window] = {}
    settled: dict[str, Branch] = {}
    for branch in sorted(branches, key=lambda branch: branch.request.id):
        dedup = branch.connection.rules.dedup
        if branch.dedup_key is None or dedup is None:
            continue
        name = (branch.connection.id, branch.dedup_key)
        window = windows.get(name)
        if window is not None and branch.request.created_at < window.expires_at:
            settled[branch.event_id] = _ignore(
                branch, IgnoredCause.DEDUPLICATED, {"first_request_id": window.request_id}
            )
        else:
            expires_at = branch.request.created_at + timedelta(milliseconds=dedup.window_ms)
            windows[name] = opened[name] = Window(branch.request.id, expires_at)
    return [settled.get(branch.event_id, branch) for branch in branches], opened


def _ignore(branch: Branch, cause: IgnoredCause, meta: Mapping[str, Any]) -> Branch:
    return replace(branch, status=Status.CANCELLED, due_at=None, ignored_cause=cause, ignored_meta=meta)


def _fail(branch: Branch, message: str) -> Branch:
    return replace(branch, status=Status.FAILED, due_at=None, failure_message=message)
