"""Transformations: created, changed and deleted.

A name is unique in its team, and the database says so. Whether code can be read as JavaScript is asked of the sandbox
by the views, before anything is locked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypedDict

from django.db import IntegrityError, transaction

from connections.models import Connection, Transformation
from connections.rules.inline_transformation import check_code, normalise_env
from fasthook.lib.errors import Conflict, InvalidInput, invalid
from fasthook.lib.masking import unmask_auth
from fasthook.lib.plural import for_count
from teams.config.writes import PendingWrite, find_locked, lock_for_team, raise_name_taken, stamp, upsert
from teams.models import Team
from teams.scoping import for_team

NAME_CONSTRAINT: Final = "transformation_name_once_per_team"
PLAIN_FIELDS: Final = ("name", "description")


class TransformationFields(TypedDict, total=False):
    """What a caller may say of a transformation; what is missing stays as it is."""

    id: str
    name: str
    description: str
    code: str
    env: Mapping[str, Any]


def create_transformation(team: Team, given: TransformationFields) -> Transformation:
    """A new transformation. InvalidInput; Conflict RESOURCE_ALREADY_EXISTS with the id of the one that has the name."""
    write = _plan_creation(team, given)
    try:
        with transaction.atomic():
            return write.write()
    except IntegrityError as error:
        raise_name_taken(error, Transformation, team, constraint=NAME_CONSTRAINT, name=given["name"])


def upsert_transformation(team: Team, given: TransformationFields) -> tuple[Transformation, bool]:
    """The transformation with the given id, else with the given name, changed or created; True when it was created.

    A given `env` replaces the stored one. InvalidInput, NotFound (id), Conflict (renamed to a name that is taken).
    """

    def attempt() -> tuple[Transformation, bool]:
        write = plan_transformation_upsert(team, given)
        return write.write(), write.created

    try:
        return upsert(attempt, races={NAME_CONSTRAINT})
    except IntegrityError as error:
        raise_name_taken(error, Transformation, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


def update_transformation(
    team: Team, transformation_id: str, *, given: TransformationFields, merge: bool
) -> Transformation:
    """Changes what is given; `merge` keeps the other names of `env`. NotFound, InvalidInput, Conflict."""
    try:
        with transaction.atomic():
            row = lock_for_team(Transformation, team, transformation_id)
            return _plan_change(row, given, merge=merge).write()
    except IntegrityError as error:
        raise_name_taken(error, Transformation, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


@transaction.atomic
def delete_transformation(team: Team, transformation_id: str, *, now: datetime) -> None:
    """Soft: evidence keeps naming it. Conflict HAS_CONNECTIONS when rules of connections name it."""
    row = lock_for_team(Transformation, team, transformation_id)
    # Whoever writes such a rule locks this row first, so none can appear now.
    users = [connection.name for connection in _connections_with(team, row.id)]
    if users:
        raise Conflict(
            f"rules of {len(users)} {for_count(len(users), 'connection', 'connections')} name this transformation"
            f" ({', '.join(users[:3])}"
            f"{', ...' if len(users) > 3 else ''}); take it out of them first",
            code="HAS_CONNECTIONS",
            data={"connections": len(users)},
        )
    plan_transformation_deletion(row, now=now).write()


def plan_transformation_upsert(
    team: Team, given: TransformationFields, *, at: str = ""
) -> PendingWrite[Transformation]:
    """Locks or prepares the row, writes nothing yet. `at` is put before the paths of faults."""
    if given.get("id"):
        return _plan_change(lock_for_team(Transformation, team, given["id"]), given, merge=False, at=at)
    if "name" not in given:
        raise invalid(f"{at}name", "is required (or id)")
    return plan_transformation(team, find_locked(Transformation, team, name=given["name"]), given, at=at)


def plan_transformation(
    team: Team, row: Transformation | None, given: TransformationFields, *, at: str = ""
) -> PendingWrite[Transformation]:
    """What `given` makes of a row that the caller has found, or of a new one. A given `env` replaces the stored."""
    if row is None:
        return _plan_creation(team, given, at=at)
    return _plan_change(row, given, merge=False, at=at)


def plan_transformation_deletion(row: Transformation, *, now: datetime) -> PendingWrite[Transformation]:
    """Whether rules name it is for the caller to know."""
    return PendingWrite(row, {"deleted_at": stamp(now)}, created=False)


def read_env(given: Mapping[str, Any], stored: Mapping[str, str], *, merge: bool, at: str) -> dict[str, str]:
    """`given` as it is kept: masked values stand for the stored ones; when merging, null removes a name."""
    kept = unmask_auth(given, stored, given.keys(), at=at)
    if merge:
        kept = {name: value for name, value in {**stored, **kept}.items() if value is not None}
    return normalise_env(kept, at=at)


def _plan_creation(team: Team, given: TransformationFields, *, at: str = "") -> PendingWrite[Transformation]:
    missing = {f"{at}{name}": ["is required"] for name in ("name", "code") if name not in given}
    if missing:
        raise InvalidInput(f"{', '.join(missing)}: is required for a new transformation", fields=missing)
    row = Transformation(team=team)
    return PendingWrite(row, {"env": {}, **_changes(given, {}, merge=False, at=at)}, created=True)


def _plan_change(
    row: Transformation, given: TransformationFields, *, merge: bool, at: str = ""
) -> PendingWrite[Transformation]:
    stored: Any = row.env
    return PendingWrite(row, _changes(given, stored, merge=merge, at=at), created=False)


def _changes(given: TransformationFields, stored: Mapping[str, str], *, merge: bool, at: str) -> dict[str, Any]:
    changes: dict[str, Any] = {name: value for name, value in given.items() if name in PLAIN_FIELDS}
    if "code" in given:
        changes["code"] = check_code(given["code"], at=f"{at}code")
    if "env" in given:
        changes["env"] = read_env(given["env"], stored, merge=merge, at=f"{at}env")
    return changes


def _connections_with(team: Team, transformation_id: str) -> list[Connection]:
    """Live connections whose rules name it. The text search finds candidates: a filter may hold the same text."""
    candidates = for_team(Connection, team).filter(rules__contains=transformation_id).order_by("id")
    return [
        connection
        for connection in candidates
        if any(rule.get("transformation_id") == transformation_id for rule in connection.rules)
    ]
