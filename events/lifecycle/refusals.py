"""Refusals: why an event is not queued again or cancelled, or a request not accepted again.

Pure. The codes are the API's: 409 for one event or request, counted by bulk operations for many. Blocked objects come
before the event's own state, since they are what an operator has to repair.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from events.states import Move, Status, leaving


class Refusal(StrEnum):
    SOURCE_DELETED = "SOURCE_DELETED"
    SOURCE_DISABLED = "SOURCE_DISABLED"
    CONNECTION_DELETED = "CONNECTION_DELETED"
    CONNECTION_DISABLED = "CONNECTION_DISABLED"
    CONNECTION_PAUSED = "CONNECTION_PAUSED"
    DESTINATION_DELETED = "DESTINATION_DELETED"
    DESTINATION_DISABLED = "DESTINATION_DISABLED"
    EVENT_QUEUED = "EVENT_QUEUED"
    EVENT_SCHEDULED = "EVENT_SCHEDULED"
    EVENT_ON_HOLD = "EVENT_ON_HOLD"
    EVENT_IGNORED = "EVENT_IGNORED"
    EVENT_ENDED = "EVENT_ENDED"
    ATTEMPT_IN_FLIGHT = "ATTEMPT_IN_FLIGHT"
    PAYLOAD_NOT_STORED = "PAYLOAD_NOT_STORED"
    REQUEST_IS_HANDSHAKE = "REQUEST_IS_HANDSHAKE"
    # The operation has had this event already: its page is being repeated.
    ALREADY_IN_OPERATION = "ALREADY_IN_OPERATION"
    # Somebody else is moving it just now, or its evidence is gone.
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class ObjectState:
    """A source, destination or connection. One that is not there any more counts as deleted."""

    deleted: bool
    disabled: bool
    paused: bool = False


@dataclass(frozen=True, slots=True)
class EventState:
    """An event that is locked. `has_job`: and its job too, which is `in_flight` while a worker holds its lease."""

    status: Status
    planned: bool
    ignored: bool
    has_job: bool
    in_flight: bool
    repeated: bool

    @property
    def should_have_job(self) -> bool:
        return self.status in (Status.SCHEDULED, Status.QUEUED) or self.planned


@dataclass(frozen=True, slots=True)
class Route:
    source: ObjectState
    connection: ObjectState
    destination: ObjectState


_WAITING: Final = {
    Status.QUEUED: Refusal.EVENT_QUEUED,
    Status.SCHEDULED: Refusal.EVENT_SCHEDULED,
    Status.HOLD: Refusal.EVENT_ON_HOLD,
}


def refuse_retry(event: EventState, route: Route, *, has_payload: bool) -> Refusal | None:
    """None when it may be queued again. Guides: source and connection enabled, connection unpaused; api.md: and the
    destination enabled."""
    if event.repeated:
        return Refusal.ALREADY_IN_OPERATION
    blocked = _blocked(route)
    if blocked is not None:
        return blocked
    if event.ignored:
        return Refusal.EVENT_IGNORED
    if event.in_flight:
        return Refusal.ATTEMPT_IN_FLIGHT
    if event.status not in leaving(Move.RETRY):
        return _WAITING[event.status]
    if event.should_have_job and not event.has_job:
        return Refusal.UNAVAILABLE
    return None if has_payload else Refusal.PAYLOAD_NOT_STORED


def refuse_cancel(event: EventState) -> Refusal | None:
    if event.repeated:
        return Refusal.ALREADY_IN_OPERATION
    if event.status not in leaving(Move.CANCEL) or (event.status is Status.FAILED and not event.planned):
        return Refusal.EVENT_ENDED
    if event.should_have_job and not event.has_job:
        return Refusal.UNAVAILABLE
    return None


def refuse_replay(source: ObjectState, *, is_handshake: bool, has_body: bool) -> Refusal | None:
    """Of a stored request, through current routing: whatever its verdict was."""
    if source.deleted:
        return Refusal.SOURCE_DELETED
    if source.disabled:
        return Refusal.SOURCE_DISABLED
    if is_handshake:
        return Refusal.REQUEST_IS_HANDSHAKE
    return None if has_body else Refusal.PAYLOAD_NOT_STORED


def _blocked(route: Route) -> Refusal | None:
    for state, deleted, disabled in (
        (route.source, Refusal.SOURCE_DELETED, Refusal.SOURCE_DISABLED),
        (route.connection, Refusal.CONNECTION_DELETED, Refusal.CONNECTION_DISABLED),
        (route.destination, Refusal.DESTINATION_DELETED, Refusal.DESTINATION_DISABLED),
    ):
        if state.deleted:
            return deleted
        if state.disabled:
            return disabled
    return Refusal.CONNECTION_PAUSED if route.connection.paused else None
