"""Replay, a page at a time: events are queued again or cancelled, requests are accepted again.

The caller's transaction holds the configuration lock, and the caller nudges `stages` after its commit. A page is a
handful of statements however long it is; PAGE is what it should hold at most. What may not be moved is passed over and
told by its code (events/lifecycle/refusals.py).

Jobs are locked first, once, in the order of their ids, then events. Several events are never waited for, so no two
pages, and no page and a delivery worker, can wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from events.lifecycle.refusals import (
    EventState,
    ObjectState,
    Refusal,
    Route,
    refuse_cancel,
    refuse_replay,
    refuse_retry,
)
from events.states import IgnoredCause, Move, Status, Trigger, leaving, rank_of
from events.storage.config_lock import Door
from fasthook.lib.ids import new_id, time_of
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "moves.sql")
PAGE: Final = 1000

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Requeued:
    """Which events were queued again, and why the others were not."""

    queued: frozenset[str] = _NOTHING
    skipped: Mapping[str, Refusal] = field(default_factory=dict)
    stages: frozenset[str] = _NOTHING


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Which events were cancelled, and why the others were not. Attempts of those `in_flight` are let finish."""

    cancelled: frozenset[str] = _NOTHING
    skipped: Mapping[str, Refusal] = field(default_factory=dict)
    in_flight: frozenset[str] = _NOTHING


@dataclass(frozen=True, slots=True)
class Replayed:
    """The new request of each old one, and why the others have none."""

    created: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, Refusal] = field(default_factory=dict)
    stages: frozenset[str] = _NOTHING


def lock_jobs(door: Door, event_ids: Sequence[str]) -> Mapping[str, bool]:
    """Waits for the jobs of these events; those there are, and whether each is in flight.

    Once in a transaction: a transaction that has locked jobs waits for no others.
    """
    with door.cursor() as cursor:
        cursor.execute(SQL["lock_jobs"], {"ids": list(event_ids)})
        return dict(cursor.fetchall())


def requeue_events(
    door: Door,
    event_ids: Sequence[str],
    *,
    trigger: Trigger,
    batch_operation_id: str | None = None,
    jobs: Mapping[str, bool] | None = None,
) -> Requeued:
    """Queues events again: same id, next attempt number, retry schedule from its beginning (decision 0011).

    A planned retry is taken forward. An event that failed in its rules has them run again, by routing. With a
    `batch_operation_id` the events, and the attempts to come, carry it. Harmless to repeat with the same one: what the
    operation has had is skipped as ALREADY_IN_OPERATION. `jobs`: what `lock_jobs` gave, of these events or more.
    """
    states = _lock(door, event_ids, batch_operation_id, jobs)
    routes = _read_routes(door, states)
    skipped = {event_id: Refusal.UNAVAILABLE for event_id in event_ids if event_id not in routes}
    sizes: dict[str, int] = {}
    for event_id, (route, body_size) in routes.items():
        refusal = refuse_retry(states[event_id], route, has_payload=body_size is not None)
        if refusal is None:
            sizes[event_id] = body_size or 0
        else:
            skipped[event_id] = refusal
    if not sizes:
        return Requeued(skipped=skipped)
    params = {
        "ids": list(sizes),
        "sizes": list(sizes.values()),
        "moved": [event_id for event_id in sizes if states[event_id].has_job],
        "rank": int(rank_of(trigger)),
        "trigger": trigger.value,
        "batch": batch_operation_id,
        **_range(sizes),
    }
    with door.cursor() as cursor:
        cursor.execute(SQL["requeue"], params)
        in_rules = int(cursor.fetchall()[0][0])
    stages = {stage for stage, count in (("route", in_rules), ("deliver", len(sizes) - in_rules)) if count}
    return Requeued(frozenset(sizes), skipped, frozenset(stages))


def cancel_events(
    door: Door,
    event_ids: Sequence[str],
    *,
    cause: IgnoredCause,
    batch_operation_id: str | None = None,
    jobs: Mapping[str, bool] | None = None,
) -> Cancelled:
    """Ends events that wait. The attempts in flight are recorded when they finish, but the events stay CANCELLED.

    Harmless to repeat, as `requeue_events` is; `jobs` as there.
    """
    states = _lock(door, event_ids, batch_operation_id, jobs)
    skipped = {event_id: Refusal.UNAVAILABLE for event_id in event_ids if event_id not in states}
    ended: list[str] = []
    for event_id, state in states.items():
        refusal = refuse_cancel(state)
        if refusal is None:
            ended.append(event_id)
        else:
            skipped[event_id] = refusal
    in_flight = [event_id for event_id in ended if states[event_id].in_flight]
    if ended:
        params = {
            "ids": ended,
            "in_flight": in_flight,
            "cause": cause.value,
            "batch": batch_operation_id,
            **_range(ended),
        }
        with door.cursor() as cursor:
            cursor.execute(SQL["cancel"], params)
    return Cancelled(frozenset(ended), skipped, frozenset(in_flight))


def withdraw_events(door: Door, batch_operation_id: str) -> int:
    """Ends a page of what a bulk operation has queued and no attempt has begun of; how many. What somebody else holds
    just now is passed over: repeat it until the operation has no jobs."""
    params: dict[str, Any] = {
        "id": batch_operation_id,
        "limit": PAGE,
        "cause": IgnoredCause.CANCELLED_IN_BULK.value,
        "leaving": leaving(Move.CANCEL),
    }
    with door.cursor() as cursor:
        cursor.execute(SQL["withdraw"], params)
        return int(cursor.fetchall()[0][0])


def replay_requests(door: Door, request_ids: Sequence[str], *, batch_operation_id: str | None = None) -> Replayed:
    """Accepts stored requests again, as they were: new requests, for current routing, naming their parents.

    Repeating it makes further requests: a bulk operation stores its position in the transaction of the page, and so
    never does. In bulk, their deliveries go behind live ones, but their routing does not: take pages that routing gets
    done within a moment. Evidence partitions may be missing: call through `events.storage.partitions.with_partitions`.
    """
    if not request_ids:
        return Replayed()
    skipped: dict[str, Refusal] = dict.fromkeys(request_ids, Refusal.UNAVAILABLE)
    created: dict[str, str] = {}
    with door.cursor() as cursor:
        cursor.execute(SQL["read_requests"], {"ids": list(request_ids), **_range(request_ids)})
        for request_id, is_handshake, has_body, *source in sorted(cursor.fetchall()):
            refusal = refuse_replay(ObjectState(*source), is_handshake=is_handshake, has_body=has_body)
            if refusal is None:
                created[request_id] = new_id("req")
                del skipped[request_id]
            else:
                skipped[request_id] = refusal
        if not created:
            return Replayed(skipped=skipped)
        params = {
            "ids": list(created),
            "new_ids": list(created.values()),
            "made_at": [time_of(identifier) for identifier in created.values()],
            "batch": batch_operation_id,
            **_range(created),
        }
        cursor.execute(SQL["replay_requests"], params)
    return Replayed(created, skipped, frozenset({"route"}))


def _lock(
    door: Door, event_ids: Sequence[str], batch_operation_id: str | None, jobs: Mapping[str, bool] | None
) -> dict[str, EventState]:
    """The events that could be locked, with what their jobs say. Not those that got a job after jobs were locked."""
    if not event_ids:
        return {}
    ids = list(event_ids)
    in_flight = lock_jobs(door, ids) if jobs is None else jobs
    # One alone can be waited for: its holder waits for nothing that is held here.
    waiting = "" if len(ids) == 1 else "SKIP LOCKED"
    with door.cursor() as cursor:
        cursor.execute(SQL["lock_events"].replace("{waiting}", waiting), {"ids": ids, **_range(ids)})
        rows = cursor.fetchall()
        cursor.execute(SQL["read_jobs"], {"ids": ids})
        waits_elsewhere = {event_id for (event_id,) in cursor.fetchall()} - in_flight.keys()
    return {
        event_id: EventState(
            status=Status(status),
            planned=planned,
            ignored=ignored,
            has_job=event_id in in_flight,
            in_flight=in_flight.get(event_id, False),
            repeated=batch_operation_id is not None and batch == batch_operation_id,
        )
        for event_id, status, planned, ignored, batch in rows
        if event_id not in waits_elsewhere
    }


def _read_routes(door: Door, states: Mapping[str, EventState]) -> dict[str, tuple[Route, int | None]]:
    if not states:
        return {}
    with door.cursor() as cursor:
        cursor.execute(SQL["read_routes"], {"ids": list(states), **_range(states)})
        return {row[0]: (_route(*row[1:8]), row[8]) for row in cursor.fetchall()}


def _route(*flags: Any) -> Route:
    return Route(ObjectState(*flags[0:2]), ObjectState(*flags[2:5]), ObjectState(*flags[5:7]))


def _range(ids: Any) -> dict[str, str]:
    """Bounds that let Postgres leave out the days in which none of them was made."""
    return {"first": min(ids), "last": max(ids)}
