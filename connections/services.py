"""Connections: created and changed, with their two ends, their rules and their state.

A change of state asks for reconciliation: a stage above brings the waiting work in line with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NoReturn, TypedDict

from django.db import IntegrityError, transaction

from connections.endpoints import Endpoints, plan_endpoints
from connections.models import Connection
from connections.transform_rule import PlannedRules, plan_rules
from connections.transformations.services import NAME_CONSTRAINT as TRANSFORMATION_NAME
from destinations.services import NAME_CONSTRAINT as DESTINATION_NAME
from destinations.services import DestinationFields
from fasthook.lib.errors import Conflict, InvalidInput, invalid
from fasthook.lib.nudge import nudge_after_commit
from sources.services import NAME_CONSTRAINT as SOURCE_NAME
from sources.services import SourceFields
from teams.config.writes import PendingWrite, find_locked, lock_for_team, raise_name_taken, stamp, upsert
from teams.models import Team

NAME_CONSTRAINT: Final = "connection_name_once_per_source"
# Of what may come along inline and is upserted by its name.
INLINE_NAMES: Final = frozenset({SOURCE_NAME, DESTINATION_NAME, TRANSFORMATION_NAME})
PLAIN_FIELDS: Final = ("name", "description")
STATE_FIELDS: Final = ("paused_at", "disabled_at", "deleted_at")
NO_RULES: Final = PlannedRules()


class ConnectionFields(TypedDict, total=False):
    """What a caller may say of a connection; what is missing stays as it is.

    Each end is an id, an object with an `id`, or an object that is upserted by its name.
    """

    id: str
    name: str
    description: str
    source_id: str
    destination_id: str
    source: SourceFields
    destination: DestinationFields
    rules: list[Any]
    paused_at: datetime | None
    disabled_at: datetime | None


def create_connection(team: Team, given: ConnectionFields, *, now: datetime) -> Connection:
    """A new connection; inline ends are upserted in the same transaction.

    InvalidInput; NotFound (an end); Conflict RESOURCE_ALREADY_EXISTS when its source has one with this name.
    """

    def attempt() -> Connection:
        ends = plan_endpoints(team, given, now=now)
        rules = plan_rules(team, given)
        return _write(ends, rules, _plan_creation(team, given, ends, rules=rules))

    try:
        return upsert(attempt, races=INLINE_NAMES)
    except IntegrityError as error:
        _raise_name_taken(error, team, given)


def upsert_connection(team: Team, given: ConnectionFields, *, now: datetime) -> tuple[Connection, bool]:
    """The connection with the given id, else with the given source and name; True when it was created.

    Given `rules` replace the stored ones. InvalidInput; NotFound; Conflict (renamed to a name that is taken).
    """

    def attempt() -> tuple[Connection, bool]:
        ends = plan_endpoints(team, given, now=now)
        rules = plan_rules(team, given)
        write = plan_connection(team, _find(team, given, ends), given, ends, rules=rules, now=now)
        return _write(ends, rules, write), write.created

    try:
        return upsert(attempt, races={*INLINE_NAMES, NAME_CONSTRAINT})
    except IntegrityError as error:
        _raise_name_taken(error, team, given)


def update_connection(team: Team, connection_id: str, *, given: ConnectionFields, now: datetime) -> Connection:
    """Changes what is given. NotFound, InvalidInput, Conflict (name taken, or pausing what is disabled)."""

    def attempt() -> Connection:
        ends = plan_endpoints(team, given, now=now)
        rules = plan_rules(team, given)
        row = lock_for_team(Connection, team, connection_id)
        return _write(ends, rules, _plan_change(row, given, ends, rules=rules, now=now))

    try:
        return upsert(attempt, races=INLINE_NAMES)
    except IntegrityError as error:
        _raise_name_taken(error, team, given, connection_id=connection_id)


@transaction.atomic
def pause_connection(team: Team, connection_id: str, *, now: datetime) -> Connection:
    """Paused twice keeps the first time. Conflict CONNECTION_DISABLED."""
    row = lock_for_team(Connection, team, connection_id)
    return _plan_change(row, {"paused_at": row.paused_at or stamp(now)}, Endpoints(), now=now).write()


@transaction.atomic
def unpause_connection(team: Team, connection_id: str, *, now: datetime) -> Connection:
    row = lock_for_team(Connection, team, connection_id)
    return _plan_change(row, {"paused_at": None}, Endpoints(), now=now).write()


@transaction.atomic
def enable_connection(team: Team, connection_id: str, *, now: datetime) -> Connection:
    row = lock_for_team(Connection, team, connection_id)
    return _plan_change(row, {"disabled_at": None}, Endpoints(), now=now).write()


@transaction.atomic
def disable_connection(team: Team, connection_id: str, *, now: datetime) -> Connection:
    """Clears `paused_at`. Disabled twice keeps the first time."""
    row = lock_for_team(Connection, team, connection_id)
    return _plan_change(row, {"disabled_at": row.disabled_at or stamp(now)}, Endpoints(), now=now).write()


@transaction.atomic
def delete_connection(team: Team, connection_id: str, *, now: datetime) -> None:
    """Soft: evidence keeps naming it."""
    row = lock_for_team(Connection, team, connection_id)
    plan_connection_deletion(row, now=now).write()


def plan_connection(
    team: Team, row: Connection | None, given: ConnectionFields, ends: Endpoints, *, rules: PlannedRules, now: datetime
) -> PendingWrite[Connection]:
    """What `given` makes of a row that the caller has found, or of a new one between these ends."""
    if row is None:
        return _plan_creation(team, given, ends, rules=rules)
    return _plan_change(row, given, ends, rules=rules, now=now)


def plan_connection_deletion(row: Connection, *, now: datetime) -> PendingWrite[Connection]:
    return _with_settling(row, {"deleted_at": stamp(now)}, now=now)


def _write(ends: Endpoints, rules: PlannedRules, write: PendingWrite[Connection]) -> Connection:
    if ends.source:
        ends.source.write()
    if ends.destination:
        ends.destination.write()
    if rules.transformation:
        rules.transformation.write()
    return write.write()


def _find(team: Team, given: ConnectionFields, ends: Endpoints) -> Connection | None:
    if given.get("id"):
        return lock_for_team(Connection, team, given["id"])
    if ends.source is None:
        raise invalid("source_id", "is required (or the connection's id)")
    if "name" not in given:
        raise invalid("name", "is required (or the connection's id)")
    return find_locked(Connection, team, source_id=ends.source.row.id, name=given["name"])


def _plan_creation(
    team: Team, given: ConnectionFields, ends: Endpoints, *, rules: PlannedRules
) -> PendingWrite[Connection]:
    missing = {
        name: ["is required"]
        for name, present in (
            ("name", "name" in given),
            ("source_id", ends.source is not None),
            ("destination_id", ends.destination is not None),
        )
        if not present
    }
    if missing or ends.source is None or ends.destination is None:
        raise InvalidInput(f"{', '.join(missing)}: is required for a new connection", fields=missing)
    row = Connection(team=team, source=ends.source.row, destination=ends.destination.row)
    return PendingWrite(row, {**_plain(given, rules), **_state(row, given)}, created=True)


def _plan_change(
    row: Connection, given: ConnectionFields, ends: Endpoints, *, rules: PlannedRules = NO_RULES, now: datetime
) -> PendingWrite[Connection]:
    changes = {**_plain(given, rules), **_state(row, given)}
    if ends.source is not None and ends.source.row.id != row.source_id:
        raise invalid("source_id", "cannot change: a connection keeps its source; create another connection instead")
    if ends.destination is not None and ends.destination.row.id != row.destination_id:
        changes["destination"] = ends.destination.row
    return _with_settling(row, changes, now=now)


def _with_settling(row: Connection, changes: dict[str, Any], *, now: datetime) -> PendingWrite[Connection]:
    if any(name in changes and changes[name] != getattr(row, name) for name in STATE_FIELDS):
        changes = {**changes, "reconcile_requested_at": now}
        nudge_after_commit("reconcile")
    return PendingWrite(row, changes, created=False)


def _state(row: Connection, given: ConnectionFields) -> dict[str, Any]:
    """Disabled wins: a disabled connection is never paused as well."""
    disabled_at = given.get("disabled_at", row.disabled_at)
    paused_at = given.get("paused_at", row.paused_at)
    if disabled_at is None:
        return {"paused_at": paused_at, "disabled_at": None}
    if given.get("paused_at") is not None and "disabled_at" not in given:
        raise Conflict("this connection is disabled; enable it before pausing it", code="CONNECTION_DISABLED")
    return {"paused_at": None, "disabled_at": disabled_at}


def _plain(given: ConnectionFields, rules: PlannedRules) -> dict[str, Any]:
    changes: dict[str, Any] = {name: value for name, value in given.items() if name in PLAIN_FIELDS}
    if rules.rules is not None:
        changes["rules"] = rules.rules
    return changes


def _raise_name_taken(
    error: IntegrityError, team: Team, given: ConnectionFields, *, connection_id: str | None = None
) -> NoReturn:
    condition: dict[str, Any] = {"name": given.get("name")}
    identifier = connection_id or given.get("id")
    if identifier:
        condition["source__connections"] = identifier
    elif given.get("source_id"):
        condition["source_id"] = given["source_id"]
    else:
        inline = given.get("source") or {}
        condition["source_id" if inline.get("id") else "source__name"] = inline.get("id") or inline.get("name")
    raise_name_taken(error, Connection, team, constraint=NAME_CONSTRAINT, **condition)
