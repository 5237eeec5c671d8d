"""Actions of people on the timeline: on a request, its events, their connections and destinations; bulk operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from events.evidence.timeline.entries import Entry, Kind
from events.evidence.timeline.reading import ActionRow, AttemptRow
from events.models import Event
from fasthook.lib.ids import time_of


def tell_action(action: ActionRow, events: Mapping[str, Event]) -> Entry:
    """`event.retried` by a name becomes 'Event retried by ...'. `events` by id."""
    noun, _, verb = action.action.replace("_", " ").partition(".")
    named = f"{noun} {action.resource_name}".strip()
    event = events.get(action.resource_id)
    return Entry(
        time_of(action.id),
        Kind.ACTION,
        f"{named[:1].upper()}{named[1:]} {verb} by {action.actor or 'somebody'}",
        {"action": action.action, "actor": action.actor, "resource_id": action.resource_id},
        request_id=action.resource_id if action.resource_type == "request" else None,
        event_id=event.id if event else None,
        connection_id=action.resource_id if action.resource_type == "connection" else None,
        destination_id=action.resource_id if action.resource_type == "destination" else None,
        batch_operation_id=action.resource_id if action.resource_type == "bulk_operation" else None,
        audit_id=action.id,
    )


def tell_bulk_operations(events: Iterable[Event], attempts: Iterable[AttemptRow]) -> Iterator[Entry]:
    """One entry for each operation and event: at its first attempt, else when the event was changed last."""
    told: set[tuple[str, str]] = set()
    by_id = {event.id: event for event in events}
    for attempt in attempts:
        operation = attempt.batch_operation_id
        if operation and (operation, attempt.event_id) not in told:
            told.add((operation, attempt.event_id))
            yield _bulk(by_id[attempt.event_id], operation, at=time_of(attempt.id))
    for event in by_id.values():
        operation = event.batch_operation_id
        if operation and (operation, event.id) not in told:
            yield _bulk(event, operation, at=event.updated_at)


def _bulk(event: Event, operation: str, *, at: datetime) -> Entry:
    return Entry(
        at,
        Kind.BULK_OPERATION,
        "Touched by a bulk operation",
        event_id=event.id,
        connection_id=event.connection_id,
        destination_id=event.destination_id,
        batch_operation_id=operation,
    )
