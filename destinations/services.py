"""Destinations: created, changed, enabled, disabled and deleted.

A change of state asks for reconciliation: a stage above brings the waiting work in line with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict

from django.db import IntegrityError, transaction

from destinations.config import read_destination_columns
from destinations.models import Destination
from fasthook.lib.errors import Conflict, invalid
from fasthook.lib.nudge import nudge_after_commit
from fasthook.lib.plural import for_count
from teams.config.writes import PendingWrite, find_locked, lock_for_team, raise_name_taken, stamp, upsert
from teams.models import Team

NAME_CONSTRAINT: Final = "destination_name_once_per_team"
PLAIN_FIELDS: Final = ("name", "description", "disabled_at")


class DestinationFields(TypedDict, total=False):
    """What a caller may say of a destination; what is missing stays as it is."""

    id: str
    name: str
    description: str
    type: str
    disabled_at: datetime | None
    config: dict[str, Any]


def create_destination(team: Team, given: DestinationFields) -> Destination:
    """A new destination. InvalidInput; Conflict RESOURCE_ALREADY_EXISTS with the id of the one that has the name."""
    write = _plan_creation(team, given)
    try:
        with transaction.atomic():
            return write.write()
    except IntegrityError as error:
        raise_name_taken(error, Destination, team, constraint=NAME_CONSTRAINT, name=given["name"])


def upsert_destination(team: Team, given: DestinationFields, *, now: datetime) -> tuple[Destination, bool]:
    """The destination with the given id, else with the given name, changed or created; True when it was created.

    A given `config` replaces the stored one. InvalidInput, NotFound (id), Conflict (renamed to a name that is taken).
    """

    def attempt() -> tuple[Destination, bool]:
        write = plan_destination_upsert(team, given, now=now)
        return write.write(), write.created

    try:
        return upsert(attempt, races={NAME_CONSTRAINT})
    except IntegrityError as error:
        raise_name_taken(error, Destination, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


def update_destination(
    team: Team, destination_id: str, *, given: DestinationFields, merge: bool, now: datetime
) -> Destination:
    """Changes what is given; `merge` keeps the other keys of `config`. NotFound, InvalidInput, Conflict."""
    try:
        with transaction.atomic():
            row = lock_for_team(Destination, team, destination_id)
            return _plan_change(row, given, merge=merge, now=now).write()
    except IntegrityError as error:
        raise_name_taken(error, Destination, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


@transaction.atomic
def enable_destination(team: Team, destination_id: str, *, now: datetime) -> Destination:
    row = lock_for_team(Destination, team, destination_id)
    return _plan_state(row, {"disabled_at": None}, now=now).write()


@transaction.atomic
def disable_destination(team: Team, destination_id: str, *, now: datetime) -> Destination:
    """Disabled twice keeps the first time."""
    row = lock_for_team(Destination, team, destination_id)
    return _plan_state(row, {"disabled_at": row.disabled_at or stamp(now)}, now=now).write()


@transaction.atomic
def delete_destination(team: Team, destination_id: str, *, now: datetime) -> None:
    """Soft: evidence keeps naming it. Conflict HAS_CONNECTIONS when connections lead to it."""
    row = lock_for_team(Destination, team, destination_id)
    connections = row.connections.filter(deleted_at=None).count()
    if connections:
        raise Conflict(
            f"{connections} {for_count(connections, 'connection leads', 'connections lead')} to this destination;"
            f" delete {for_count(connections, 'it', 'them')} first, or together with the destination by ?cascade=true",
            code="HAS_CONNECTIONS",
            data={"connections": connections},
        )
    plan_destination_deletion(row, now=now).write()


def plan_destination_upsert(
    team: Team, given: DestinationFields, *, now: datetime, at: str = ""
) -> PendingWrite[Destination]:
    """Locks or prepares the row, writes nothing yet. `at` is put before the paths of faults."""
    if given.get("id"):
        row: Destination | None = lock_for_team(Destination, team, given["id"])
    elif "name" in given:
        row = find_locked(Destination, team, name=given["name"])
    else:
        raise invalid(f"{at}name", "is required (or id)")
    return plan_destination(team, row, given, now=now, at=at)


def plan_destination(
    team: Team, row: Destination | None, given: DestinationFields, *, now: datetime, at: str = ""
) -> PendingWrite[Destination]:
    """What `given` makes of a row that the caller has found, or of a new one. A given `config` replaces the stored."""
    if row is None:
        return _plan_creation(team, given, at=at)
    return _plan_change(row, given, merge=False, now=now, at=at)


def plan_destination_deletion(row: Destination, *, now: datetime) -> PendingWrite[Destination]:
    """Whether connections lead to it is for the caller to know."""
    return _plan_state(row, {"deleted_at": stamp(now)}, now=now)


def _plan_creation(team: Team, given: DestinationFields, *, at: str = "") -> PendingWrite[Destination]:
    columns = read_destination_columns(
        destination_type=given.get("type"), config=given.get("config"), stored=None, merge=False, at=at
    )
    return PendingWrite(Destination(team=team), {**_plain(given), **columns}, created=True)


def _plan_change(
    row: Destination, given: DestinationFields, *, merge: bool, now: datetime, at: str = ""
) -> PendingWrite[Destination]:
    columns = read_destination_columns(
        destination_type=given.get("type"), config=given.get("config"), stored=row, merge=merge, at=at
    )
    return _plan_state(row, {**_plain(given), **columns}, now=now)


def _plan_state(row: Destination, changes: dict[str, Any], *, now: datetime) -> PendingWrite[Destination]:
    if any(name in changes and changes[name] != getattr(row, name) for name in ("disabled_at", "deleted_at")):
        changes = {**changes, "reconcile_requested_at": now}
        nudge_after_commit("reconcile")
    return PendingWrite(row, changes, created=False)


def _plain(given: DestinationFields) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in PLAIN_FIELDS}
