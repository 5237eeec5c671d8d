"""A retry or cancel of one event, a retry of one request, as operators ask for it. Pages are in `moves.py`.

A refusal is a Conflict whose code says what blocks, with the id of the blocked object. What was done is audited.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction

from connections.sandbox.jobs import Message
from events.evidence.selectors import get_event, get_request
from events.ingress.store import CapturedRequest, write_requests
from events.lifecycle.edited_request import RequestLimits, edit_request
from events.lifecycle.moves import cancel_events, replay_requests, requeue_events
from events.lifecycle.refusals import ObjectState, Refusal, refuse_replay
from events.models import Event, Request, RequestStatus
from events.states import IgnoredCause, Trigger
from events.storage.config_lock import lock_configuration_for_page
from events.storage.partitions import with_partitions
from fasthook.lib.errors import Conflict
from fasthook.lib.ids import new_id
from fasthook.lib.nudge import nudge_after_commit
from sources.models import Source
from teams.audit.log import record
from teams.auth.credentials import Actor

log = structlog.get_logger(__name__)

# An event that is on its way between two states just now is looked at again.
_TRIES: Final = 5

_MESSAGES: Final = {
    Refusal.SOURCE_DELETED: "its source is deleted",
    Refusal.SOURCE_DISABLED: "its source is disabled; enable it first",
    Refusal.CONNECTION_DELETED: "its connection is deleted; retry the request instead, through the connections of now",
    Refusal.CONNECTION_DISABLED: "its connection is disabled; enable it first",
    Refusal.CONNECTION_PAUSED: "its connection is paused; unpause it first, which also releases what is on hold",
    Refusal.DESTINATION_DELETED: "its destination is deleted; retry the request instead",
    Refusal.DESTINATION_DISABLED: "its destination is disabled; enable it first",
    Refusal.EVENT_QUEUED: "the event waits for delivery already",
    Refusal.EVENT_SCHEDULED: "the event waits for its delay rule; it is delivered at next_attempt_at",
    Refusal.EVENT_ON_HOLD: "the event is on hold; unpausing its connection releases it",
    Refusal.EVENT_IGNORED: "this branch ended before it became a delivery; retry its request to have it judged anew",
    Refusal.EVENT_ENDED: "the event has ended; only what waits can be cancelled",
    Refusal.ATTEMPT_IN_FLIGHT: "an attempt of the event is in flight; wait for its result",
    Refusal.PAYLOAD_NOT_STORED: "its body is not stored",
    Refusal.REQUEST_IS_HANDSHAKE: "it is a provider's handshake, which makes no events",
    Refusal.UNAVAILABLE: "the event is being changed just now; try again",
}


def retry_event(actor: Actor, team_id: str, event_id: str) -> Event:
    """The event, queued again. NotFound; Conflict with a code of Refusal."""
    row = get_event(team_id, event_id)
    refusal = _attempt(partial(_requeue, actor, row))
    if refusal is not None:
        raise _conflict(refusal, "the event cannot be retried", event=row)
    log.info("event.retried", team_id=team_id, event_id=row.id)
    return get_event(team_id, row.id)


def cancel_event(actor: Actor, team_id: str, event_id: str) -> Event:
    """The event, CANCELLED; an attempt in flight is let finish. NotFound; Conflict EVENT_ENDED."""
    row = get_event(team_id, event_id)
    refusal = _attempt(partial(_cancel, actor, row))
    if refusal is not None:
        raise _conflict(refusal, "the event cannot be cancelled", event=row)
    log.info("event.cancelled", team_id=team_id, event_id=row.id)
    return get_event(team_id, row.id)


def retry_request(actor: Actor, team_id: str, request_id: str, *, given: Mapping[str, Any]) -> Request:
    """The new request, as the stored one was or with what is `given` in place of it, for current routing.

    Verification is not repeated: what was verified still is, as long as it is unchanged. NotFound; InvalidInput and
    BodyTooLarge (events/lifecycle/edited_request.py); Conflict.
    """
    parent = get_request(team_id, request_id)
    body = None if parent.body is None else bytes(parent.body)
    stored = Message(parent.method, parent.path, parent.query, parent.headers, body or b"")
    limits = RequestLimits(settings.MAX_BODY_BYTES, settings.MAX_HEADER_BYTES)
    wanted = edit_request(stored, given, limits)
    if wanted is stored and not (body is None and "body" in given):
        created = with_partitions(partial(_replay, actor, parent))
    else:
        has_body = body is not None or "body" in given
        created = with_partitions(partial(_accept, actor, parent, message=wanted, has_body=has_body))
    log.info("request.retried", team_id=team_id, request_id=created, retry_parent_request_id=parent.id)
    return get_request(team_id, created)


def _attempt(act: Any) -> Refusal | None:
    for _ in range(_TRIES):
        refusal: Refusal | None = act()
        if refusal is not Refusal.UNAVAILABLE:
            return refusal
    return Refusal.UNAVAILABLE


@transaction.atomic
def _requeue(actor: Actor, row: Event) -> Refusal | None:
    lock_configuration_for_page(connection)
    result = requeue_events(connection, [row.id], trigger=Trigger.MANUAL)
    for stage in result.stages:
        nudge_after_commit(stage)
    if result.queued:
        record(actor, "event.retried", row)
    return result.skipped.get(row.id)


@transaction.atomic
def _cancel(actor: Actor, row: Event) -> Refusal | None:
    lock_configuration_for_page(connection)
    result = cancel_events(connection, [row.id], cause=IgnoredCause.CANCELLED_BY_OPERATOR)
    if result.cancelled:
        record(actor, "event.cancelled", row)
    return result.skipped.get(row.id)


@transaction.atomic
def _replay(actor: Actor, parent: Request) -> str:
    lock_configuration_for_page(connection)
    result = replay_requests(connection, [parent.id])
    if refusal := result.skipped.get(parent.id):
        raise _conflict(refusal, "the request cannot be retried", request=parent)
    created = result.created[parent.id]
    record(actor, "request.retried", parent, meta={"new_request_id": created, "modified": False})
    nudge_after_commit("route")
    return created


@transaction.atomic
def _accept(actor: Actor, parent: Request, *, message: Message, has_body: bool) -> str:
    lock_configuration_for_page(connection)
    source = Source.objects.filter(pk=parent.source_id).first()
    state = ObjectState(
        deleted=source is None or source.deleted_at is not None,
        disabled=source is not None and source.disabled_at is not None,
    )
    if refusal := refuse_replay(state, is_handshake=parent.handshake, has_body=has_body):
        raise _conflict(refusal, "the request cannot be retried", request=parent)
    again = CapturedRequest(
        id=new_id("req"),
        team_id=parent.team_id,
        source_id=parent.source_id,
        rejection_cause=None,
        verified=False,
        method=message.method,
        path=message.path,
        query=message.query,
        headers=[(name, value) for name, value in message.headers],
        body=message.body,
        client_ip=parent.client_ip,
        retry_parent_request_id=parent.id,
    )
    write_requests(connection.connection, [again])
    record(actor, "request.retried", parent, meta={"new_request_id": again.id, "modified": True})
    nudge_after_commit("route")
    return again.id


def _conflict(refusal: Refusal, what: str, *, event: Event | None = None, request: Request | None = None) -> Conflict:
    row: Any = event or request
    message = _MESSAGES[refusal]
    if request is not None and refusal is Refusal.PAYLOAD_NOT_STORED and request.status == RequestStatus.REJECTED:
        message = "its body was too large to be stored; send a body in place of it"
    data = {"id": row.id}
    for kind in ("source", "connection", "destination"):
        if refusal.startswith(kind.upper()):
            data[f"{kind}_id"] = getattr(row, f"{kind}_id")
    return Conflict(f"{what}: {message}", code=refusal.value, data=data)
