"""Reconciliation: pause, unpause, disable and delete of a connection or destination, carried out on what waits for it.

The change itself only marks its row (`reconcile_requested_at`) and nudges. It moves the work in pages, looking at
the row anew under the configuration lock for each, and clears the mark when nothing is left to move: also what was in
flight when the change came. A crash or a second worker does no harm.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import structlog
from django.db import OperationalError, connection, transaction

from connections.models import Connection
from destinations.models import Destination
from events.states import IgnoredCause, Move, Rank, leaving
from events.storage.config_lock import lock_configuration_for_page
from fasthook.lib.nudge import nudge
from fasthook.lib.sql import load_statements
from fasthook.metrics import registry

log = structlog.get_logger(__name__)

Row = TypeVar("Row", Connection, Destination)

SQL = load_statements(Path(__file__).parent / "sql" / "reconcile.sql")
PAGE = 1000


def reconcile_all(*, seconds: float) -> int:
    """Reconciles the marked rows, for at most about `seconds`; returns how many events were moved."""
    over_at = time.monotonic() + seconds
    total = 0
    # Again, since a release may ask for the reconciliation of a destination.
    while moved := _reconcile_marked(over_at):
        total += moved
    return total


def _reconcile_marked(over_at: float) -> int:
    """Page by page in turns, so that a connection with a million events does not keep the others waiting."""
    reconcile_pages = ((Connection, _reconcile_connection), (Destination, _reconcile_destination))
    turns = deque((each, reconcile) for model, reconcile in reconcile_pages for each in _marked(model))
    moved: Counter[str] = Counter()
    while turns and time.monotonic() < over_at:
        identifier, reconcile_page = turns.popleft()
        page = _reconcile_page(identifier, reconcile_page)
        if page:
            moved[identifier] += page
            turns.append((identifier, reconcile_page))
            nudge("deliver")
    for identifier, number in moved.items():
        log.info("events.reconciled", id=identifier, events=number)
    registry.events_settled.add(moved.total())
    return moved.total()


def _marked(model: type[Connection | Destination]) -> list[str]:
    marked = model._default_manager.filter(reconcile_requested_at__isnull=False)
    return list(marked.order_by("reconcile_requested_at", "pk").values_list("pk", flat=True))


def _reconcile_page(identifier: str, reconcile_page: Callable[[str], int]) -> int:
    try:
        return reconcile_page(identifier)
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        return 0  # the mark stays, so the next look goes on


def _reconcile_connection(connection_id: str) -> int:
    """One page; 0 when there is nothing to move now. Clears the mark when there never will be."""
    with transaction.atomic():
        lock_configuration_for_page(connection)
        row = _take_row(Connection, connection_id)
        if row is None:
            return 0
        if row.deleted_at or row.disabled_at:
            cause = IgnoredCause.CONNECTION_DELETED if row.deleted_at else IgnoredCause.CONNECTION_DISABLED
            moved = _cancel(row.id, "connection_id", cause, held_of=[row.id])
        elif row.paused_at:
            moved = _count("hold_waiting", id=row.id, limit=PAGE, leaving=leaving(Move.HOLD))
        else:
            moved = _count("release_held", id=row.id, limit=PAGE, rank=int(Rank.FIRST))
            if not moved and not _is_any_held("connection_id", row.id, [row.id]):
                Connection.objects.filter(id=row.id).update(reconcile_requested_at=None)
            return moved
        if moved or _count("count_jobs", by="connection_id", id=row.id):
            return moved
        if row.paused_at or not _is_any_held("connection_id", row.id, [row.id]):
            Connection.objects.filter(id=row.id).update(reconcile_requested_at=None)
        return moved


def _reconcile_destination(destination_id: str) -> int:
    with transaction.atomic():
        lock_configuration_for_page(connection)
        row = _take_row(Destination, destination_id)
        if row is None:
            return 0
        moved = 0
        if row.deleted_at or row.disabled_at:
            cause = IgnoredCause.DESTINATION_DELETED if row.deleted_at else IgnoredCause.DESTINATION_DISABLED
            connection_ids = list(Connection.objects.filter(team_id=row.team_id).values_list("id", flat=True))
            moved = _cancel(row.id, "destination_id", cause, held_of=connection_ids)
            if moved or _count("count_jobs", by="destination_id", id=row.id):
                return moved
            if _is_any_held("destination_id", row.id, connection_ids):
                return moved
        Destination.objects.filter(id=row.id).update(reconcile_requested_at=None)
        return moved


def _cancel(identifier: str, by: str, cause: IgnoredCause, *, held_of: list[str]) -> int:
    moved = _count("cancel_waiting", by=by, id=identifier, limit=PAGE, cause=cause.value, leaving=leaving(Move.CANCEL))
    return moved + _count("cancel_held", by=by, id=identifier, connection_ids=held_of, limit=PAGE, cause=cause.value)


def _is_any_held(by: str, identifier: str, connection_ids: list[str]) -> bool:
    """What a page passed over, since somebody else had its event: who was refused, or rolls back, leaves it on hold."""
    return bool(_count("count_held", by=by, id=identifier, connection_ids=connection_ids))


def _take_row(model: type[Row], identifier: str) -> Row | None:
    """The row if it is still marked and nobody else has it: another worker, whose page may yet be rolled back, or a
    change, which holds the row while it waits for the configuration lock. Waiting for that here would be a deadlock."""
    marked = model._default_manager.filter(pk=identifier, reconcile_requested_at__isnull=False)
    return marked.select_for_update(skip_locked=True, no_key=True).first()


def _count(name: str, *, by: str = "", **params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(SQL[name].replace("{by}", by), params)
        return int(cursor.fetchone()[0])
