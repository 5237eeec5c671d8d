"""Branching: what each live connection makes of a request. Decides only; routing reads and writes.

Rules apply in the order deduplicate, transform, filter, delay. A branch begins with its deduplication key; what
evaluates it runs its transformation, if it has one, and finishes it with the outcome. Whether a key is taken is known
only under its lock, so a branch carries it, and `dedup.py` judges all branches of a batch against the stored windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from connections.catalog import ConnectionEntry
from connections.rules.payload import RuleInput, parse_body, parse_query
from connections.sandbox.jobs import Message, Outcome, RunStatus
from events.states import IgnoredCause, Status
from fasthook.lib.headers import merge_headers
from fasthook.lib.ids import new_id

log = structlog.get_logger(__name__)

MAX_CLAIMS = 3
# How the failure message of such an event begins.
TRANSFORMATION_FAILED = "TRANSFORMATION_FAILED"


@dataclass(frozen=True, slots=True)
class RoutableRequest:
    """A claimed request. It is read (`message`, and `payload` as rules see it) only when one of its connections has a
    rule that looks at it."""

    id: str
    source_id: str
    created_at: datetime
    body_size: int
    claim_count: int
    batch_operation_id: str | None = None
    message: Message | None = None
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
    # How its transformation ended; None where there is none, or none was needed.
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        """True when nothing has ended it yet."""
        return self.status not in (Status.CANCELLED, Status.FAILED)

    @property
    def is_unfinished(self) -> bool:
        """True when it waits for its transformation to run."""
        return self.is_open and self.connection.rules.transformation_id is not None and self.outcome is None

    @property
    def payload(self) -> Message | None:
        """The event's own payload, where a transformation changed it."""
        return self.outcome.request if self.outcome else None


def looks_at_payload(connection: ConnectionEntry) -> bool:
    return connection.rules.transformation_id is not None or looks_into_payload(connection)


def looks_into_payload(connection: ConnectionEntry) -> bool:
    """Whether it is to be parsed as well: transformations get it as it is."""
    return connection.rules.dedup is not None or connection.rules.filter is not None


def begin_branch(request: RoutableRequest, connection: ConnectionEntry, *, enabled: frozenset[str]) -> Branch:
    """The branch up to its transformation, as if its deduplication key were not taken. `enabled`: destinations' ids."""
    branch = Branch(new_id("evt"), request, connection, Status.QUEUED, due_at=request.created_at)
    if connection.destination_id not in enabled:
        return ignore(branch, IgnoredCause.DESTINATION_DISABLED, {"destination_id": connection.destination_id})
    if request.claim_count > MAX_CLAIMS:
        return _fail(branch, f"INTERNAL_ERROR: routing this request ended its worker {MAX_CLAIMS} times")
    if connection.fault is not None:
        return _fail(branch, f"INTERNAL_ERROR: {connection.fault}")
    if connection.rules.dedup is None or request.payload is None:
        return branch
    try:
        return replace(branch, dedup_key=connection.rules.dedup.key(request.payload))
    except Exception as error:
        return _give_up(branch, error)


def finish_branch(branch: Branch, outcome: Outcome | None = None) -> Branch:
    """The branch after its transformation ended as `outcome` says; None where it has none."""
    if not branch.is_open:
        return branch
    if outcome is not None:
        branch = replace(branch, outcome=outcome)
        if outcome.status is not RunStatus.SUCCESSFUL:
            return _fail(branch, f"{TRANSFORMATION_FAILED}: {outcome.error}")
    try:
        return _apply_rules(branch)
    except Exception as error:
        return _give_up(branch, error)


def _apply_rules(branch: Branch) -> Branch:
    rules = branch.connection.rules
    if rules.filter is not None:
        payload = rule_input(branch.payload) if branch.payload is not None else branch.request.payload
        result = rules.filter.evaluate(payload) if payload is not None else None
        if result is not None and not result.matched:
            return ignore(branch, IgnoredCause.FILTERED, {"failed_targets": list(result.failed_targets)})
    if rules.delay_ms:
        due_at = branch.request.created_at + timedelta(milliseconds=rules.delay_ms)
        branch = replace(branch, status=Status.SCHEDULED, due_at=due_at)
    if branch.connection.paused:
        return replace(branch, status=Status.HOLD, due_at=None)
    return branch


def rule_input(message: Message) -> RuleInput:
    """A stored or transformed request as rules see it."""
    return RuleInput(
        method=message.method,
        path=message.path or "/",
        query=parse_query(message.query),
        headers=merge_headers(message.headers),
        body=parse_body(message.body),
    )


def ignore(branch: Branch, cause: IgnoredCause, meta: Mapping[str, Any]) -> Branch:
    return replace(branch, status=Status.CANCELLED, due_at=None, ignored_cause=cause, ignored_meta=meta)


def _give_up(branch: Branch, error: Exception) -> Branch:
    log.error(
        "branch.evaluation_failed", request_id=branch.request.id, connection_id=branch.connection.id, exc_info=error
    )
    return _fail(branch, f"INTERNAL_ERROR: a rule could not be evaluated ({type(error).__name__})")


def _fail(branch: Branch, message: str) -> Branch:
    return replace(branch, status=Status.FAILED, due_at=None, failure_message=message)
