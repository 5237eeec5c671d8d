"""A branch on the timeline: that it was made, its rules, held and released, attempts, the end, and what is to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connections.rules.retry import RetryPolicy, compile_retry, preview_schedule
from events.evidence.timeline.entries import Entry, Kind
from events.evidence.timeline.reading import ActionRow, AttemptRow, ConnectionRow
from events.evidence.timeline.rules import Judged, tell_rules
from events.models import DeliveryJob, Event
from events.states import Rank, Status, Trigger
from fasthook.lib.clock import iso
from fasthook.lib.errors import InvalidInput
from fasthook.lib.ids import time_of

# Beyond the next one: what would follow if each failed at once.
MAX_POSSIBLE: Final = 5
_WAITING: Final = (Status.SCHEDULED, Status.QUEUED, Status.FAILED)
_HOLDS: Final = "connection.paused"
_RELEASES: Final = "connection.unpaused"


@dataclass(frozen=True, slots=True)
class Branch:
    """Everything about one branch. `actions`: people's, on its connection, while they could touch it."""

    judged: Judged
    connection: ConnectionRow | None
    destination_name: str | None
    attempts: Sequence[AttemptRow]
    job: DeliveryJob | None
    actions: Sequence[ActionRow]
    now: datetime

    @property
    def event(self) -> Event:
        return self.judged.event


def tell_branch(branch: Branch) -> Iterator[Entry]:
    event = branch.event
    connection = branch.connection.name if branch.connection else event.connection_id
    destination = branch.destination_name or event.destination_id
    yield _entry(branch, time_of(event.id), Kind.BRANCH, title=f"Branch {connection} to destination {destination}")
    yield from tell_rules(branch.judged)
    if event.attempts == 0 and event.status == Status.FAILED and not branch.judged.runs:
        yield _entry(branch, time_of(event.id), Kind.BRANCH_FAILED, title=f"Failed: {event.failure_message}")
    yield from _tell_holding(branch)
    for attempt in branch.attempts:
        yield _tell_attempt(branch, attempt)
    if event.status == Status.CANCELLED and event.ignored_meta is None:
        title = f"Cancelled: {event.ignored_cause}" if event.ignored_cause else "Cancelled"
        yield _entry(branch, event.updated_at, Kind.CANCELLED, title=title, detail={"cause": event.ignored_cause})
    yield from _tell_planned(branch)


def summarise_branch(branch: Branch) -> dict[str, Any]:
    event = branch.event
    policy = _retry_policy(branch)
    return {
        "event_id": event.id,
        "connection_id": event.connection_id,
        "connection_name": branch.connection.name if branch.connection else None,
        "destination_id": event.destination_id,
        "destination_name": branch.destination_name,
        "status": event.status,
        "ignored_cause": event.ignored_cause,
        "attempts": event.attempts,
        "attempts_shown": len(branch.attempts),
        "response_status": event.response_status,
        "error_code": event.error_code,
        "failure_message": event.failure_message,
        "next_attempt_at": iso(_due_at(branch)),
        "retries_left": _retries_left(branch, policy),
        "transformed": event.has_payload,
        "batch_operation_id": event.batch_operation_id,
        "created_at": iso(time_of(event.id)),
        "updated_at": iso(event.updated_at),
    }


def _tell_holding(branch: Branch) -> Iterator[Entry]:
    """Told by attempts that a release triggered and by who paused and unpaused; an event on hold says so itself."""
    event = branch.event
    after = time_of(event.id)
    for attempt in branch.attempts:
        if attempt.trigger != Trigger.UNPAUSE:
            continue
        before = time_of(attempt.id)
        released = _last_action(branch, _RELEASES, after=after, before=before)
        released_at = time_of(released.id) if released else before
        yield _held(branch, after=after, before=released_at, otherwise=after)
        yield _released(branch, released, at=released_at)
        after = before
    if event.status == Status.HOLD:
        yield _held(branch, after=after, before=event.updated_at, otherwise=event.updated_at)
    elif branch.job is not None and branch.job.trigger == Trigger.UNPAUSE:
        released = _last_action(branch, _RELEASES, after=after, before=event.updated_at)
        yield _held(branch, after=after, before=event.updated_at, otherwise=after)
        yield _released(branch, released, at=event.updated_at)


def _held(branch: Branch, *, after: datetime, before: datetime, otherwise: datetime) -> Entry:
    action = _last_action(branch, _HOLDS, after=after, before=before)
    at = time_of(action.id) if action else otherwise
    return _entry(branch, at, Kind.HELD, title="On hold: the connection was paused", action=action)


def _released(branch: Branch, action: ActionRow | None, *, at: datetime) -> Entry:
    return _entry(branch, at, Kind.RELEASED, title="Released: the connection was unpaused", action=action)


def _last_action(branch: Branch, name: str, *, after: datetime, before: datetime) -> ActionRow | None:
    found = [each for each in branch.actions if each.action == name and after <= time_of(each.id) <= before]
    return found[-1] if found else None


def _tell_attempt(branch: Branch, attempt: AttemptRow) -> Entry:
    if attempt.response_status is not None:
        what = f"answered {attempt.response_status}"
    else:
        what = attempt.error_code or attempt.status
    detail = {
        "attempt_number": attempt.attempt_number,
        "trigger": attempt.trigger,
        "status": attempt.status,
        "response_status": attempt.response_status,
        "error_code": attempt.error_code,
        "error_message": attempt.error_message,
        "latency_ms": attempt.latency,
    }
    word = "succeeded" if attempt.status == "SUCCESSFUL" else "failed"
    title = f"Attempt {attempt.attempt_number} {word}: {what} after {attempt.latency} ms"
    return _entry(branch, time_of(attempt.id), Kind.ATTEMPT, title=title, detail=detail, attempt_id=attempt.id)


def _tell_planned(branch: Branch) -> Iterator[Entry]:
    """The attempt that is due next, and the retries that would follow if it and each of them failed at once."""
    job = branch.job
    if job is None or job.cancelled or branch.event.status not in _WAITING:
        return
    number = job.attempt_number
    # What is overdue waits for the destination's rate or for a worker: it comes after everything that has been.
    at = max(branch.now, job.due_at)
    detail: dict[str, Any] = {"attempt_number": number, "trigger": job.trigger, "in_flight": False}
    title = f"Attempt {number} is due"
    if job.rank == Rank.LEASED:
        at, title, detail["in_flight"] = branch.now, f"Attempt {number} is in flight", True
    elif job.rank == Rank.RULES:
        title, detail["rules_again"] = "The rules are to be run again", True
    yield _entry(branch, at, Kind.ATTEMPT_PLANNED, title=title, detail={**detail, "due_at": iso(_due_at(branch))})
    policy = _retry_policy(branch)
    possible = preview_schedule(policy, start=at, done=job.retry_number) if policy else []
    for following, moment in enumerate(possible[:MAX_POSSIBLE], start=number + 1):
        title = f"Attempt {following}, if the one before fails"
        yield _entry(branch, moment, Kind.RETRY_POSSIBLE, title=title, detail={"attempt_number": following})


def _due_at(branch: Branch) -> datetime | None:
    """When the next attempt is due; None when there is none, or it is in flight: a lease says nothing of it."""
    job = branch.job
    if job is None or job.cancelled or job.rank == Rank.LEASED or branch.event.status not in _WAITING:
        return None
    return job.due_at


def _retry_policy(branch: Branch) -> RetryPolicy | None:
    """Of the rule as it is now: that is the one that plans retries."""
    if branch.connection is None or branch.connection.deleted:
        return None
    rule = next((rule for rule in branch.connection.rules if rule.get("type") == "retry"), None)
    try:
        return compile_retry(rule) if rule else None
    except (InvalidInput, KeyError):  # whatever another release saved: delivery does not retry by it either
        return None


def _retries_left(branch: Branch, policy: RetryPolicy | None) -> int:
    """How many of the schedule are left, the one that is planned among them."""
    job = branch.job
    if job is None or job.cancelled or branch.event.status not in _WAITING:
        return 0
    planned = 1 if job.trigger == Trigger.AUTOMATIC else 0
    return planned + (max(0, policy.count - job.retry_number) if policy else 0)


def _entry(
    branch: Branch,
    at: datetime,
    kind: Kind,
    *,
    title: str,
    detail: Mapping[str, Any] | None = None,
    attempt_id: str | None = None,
    action: ActionRow | None = None,
) -> Entry:
    event = branch.event
    if action is not None:
        title, detail = f"{title} by {action.actor}", {"actor": action.actor, **(detail or {})}
    return Entry(
        at,
        kind,
        title,
        detail or {},
        event_id=event.id,
        connection_id=event.connection_id,
        destination_id=event.destination_id,
        attempt_id=attempt_id,
        audit_id=action.id if action else None,
    )
