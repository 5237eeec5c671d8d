"""Sources: created, changed, enabled, disabled and deleted.

A name is unique in its team, and the database says so: two callers that race for it meet the constraint.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Final, TypedDict

from django.db import IntegrityError, transaction

from fasthook.lib.errors import Conflict, invalid
from fasthook.lib.ids import ALPHABET
from fasthook.lib.plural import for_count
from sources.config import read_source_columns
from sources.models import Source
from sources.verification.providers import PROVIDER_SIGNATURE, PROVIDERS
from teams.config.writes import PendingWrite, find_locked, lock_for_team, raise_name_taken, stamp, upsert
from teams.models import Team

SLUG_LENGTH: Final = 20
NAME_CONSTRAINT: Final = "source_name_once_per_team"
PLAIN_FIELDS: Final = ("name", "description", "disabled_at")
ENABLED: Final = "enabled"
DISABLED: Final = "disabled"


class SourceFields(TypedDict, total=False):
    """What a caller may say of a source; what is missing stays as it is."""

    id: str
    name: str
    description: str
    type: str
    status: str
    disabled_at: datetime | None
    config: dict[str, Any]


def create_source(team: Team, given: SourceFields, *, now: datetime) -> Source:
    """A new source. InvalidInput; Conflict RESOURCE_ALREADY_EXISTS with the id of the one that has the name."""
    write = _plan_creation(team, given, now=now)
    try:
        with transaction.atomic():
            return write.write()
    except IntegrityError as error:
        raise_name_taken(error, Source, team, constraint=NAME_CONSTRAINT, name=given["name"])


def upsert_source(team: Team, given: SourceFields, *, now: datetime) -> tuple[Source, bool]:
    """The source with the given id, else with the given name, changed or created; True when it was created.

    A given `config` replaces the stored one. InvalidInput, NotFound (id), Conflict (renamed to a name that is taken).
    """

    def attempt() -> tuple[Source, bool]:
        write = plan_source_upsert(team, given, now=now)
        return write.write(), write.created

    try:
        return upsert(attempt, races={NAME_CONSTRAINT})
    except IntegrityError as error:
        raise_name_taken(error, Source, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


def update_source(team: Team, source_id: str, *, given: SourceFields, merge: bool, now: datetime) -> Source:
    """Changes what is given; `merge` keeps the other keys of `config`. NotFound, InvalidInput, Conflict."""
    try:
        with transaction.atomic():
            row = lock_for_team(Source, team, source_id)
            return _plan_change(row, given, merge=merge, now=now).write()
    except IntegrityError as error:
        raise_name_taken(error, Source, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


def enable_source(team: Team, source_id: str, *, now: datetime) -> Source:
    return update_source(team, source_id, given={"status": ENABLED}, merge=True, now=now)


def disable_source(team: Team, source_id: str, *, now: datetime) -> Source:
    """Disabled twice keeps the first time."""
    return update_source(team, source_id, given={"status": DISABLED}, merge=True, now=now)


@transaction.atomic
def delete_source(team: Team, source_id: str, *, now: datetime) -> None:
    """Soft: evidence keeps naming it. Conflict HAS_CONNECTIONS when connections lead from it."""
    row = lock_for_team(Source, team, source_id)
    connections = row.connections.filter(deleted_at=None).count()
    if connections:
        raise Conflict(
            f"{connections} {for_count(connections, 'connection leads', 'connections lead')} from this source;"
            f" delete {for_count(connections, 'it', 'them')} first, or together with the source by ?cascade=true",
            code="HAS_CONNECTIONS",
            data={"connections": connections},
        )
    plan_source_deletion(row, now=now).write()


@transaction.atomic
def learn_secret(source_id: str, secret: str) -> bool:
    """Stores the secret that a provider's handshake brought, once: False when the source is gone, has a secret
    already, or is not of a provider that sends its own."""
    row = Source.objects.select_for_update(no_key=True).filter(id=source_id, deleted_at=None).first()
    if row is None or row.auth_type not in (None, PROVIDER_SIGNATURE):
        return False
    auth: Any = row.auth or {"provider": row.type}
    provider = PROVIDERS.get(auth["provider"])
    if provider is None or not provider.learns_secret or "secret" in auth:
        return False
    changes = {"auth_type": PROVIDER_SIGNATURE, "auth": {**auth, "secret": secret}}
    PendingWrite(row, changes, created=False).write()
    return True


def plan_source_upsert(team: Team, given: SourceFields, *, now: datetime, at: str = "") -> PendingWrite[Source]:
    """Locks or prepares the row, writes nothing yet. `at` is put before the paths of faults."""
    if given.get("id"):
        return _plan_change(lock_for_team(Source, team, given["id"]), given, merge=False, now=now, at=at)
    if "name" not in given:
        raise invalid(f"{at}name", "is required (or id)")
    return plan_source(team, find_locked(Source, team, name=given["name"]), given, now=now, at=at)


def plan_source(
    team: Team, row: Source | None, given: SourceFields, *, now: datetime, at: str = ""
) -> PendingWrite[Source]:
    """What `given` makes of a row that the caller has found, or of a new one. A given `config` replaces the stored."""
    if row is None:
        return _plan_creation(team, given, now=now, at=at)
    return _plan_change(row, given, merge=False, now=now, at=at)


def plan_source_deletion(row: Source, *, now: datetime) -> PendingWrite[Source]:
    """Whether connections lead from it is for the caller to know."""
    return PendingWrite(row, {"deleted_at": stamp(now)}, created=False)


def _plan_creation(team: Team, given: SourceFields, *, now: datetime, at: str = "") -> PendingWrite[Source]:
    slug = "".join(secrets.choice(ALPHABET) for _ in range(SLUG_LENGTH))
    row = Source(team=team, slug=slug)
    columns = read_source_columns(
        source_type=given.get("type"), config=given.get("config"), stored=None, merge=False, at=at
    )
    return PendingWrite(row, {**_plain(row, given, now), **columns}, created=True)


def _plan_change(row: Source, given: SourceFields, *, merge: bool, now: datetime, at: str = "") -> PendingWrite[Source]:
    columns = read_source_columns(
        source_type=given.get("type"), config=given.get("config"), stored=row, merge=merge, at=at
    )
    return PendingWrite(row, {**_plain(row, given, now), **columns}, created=False)


def _plain(row: Source, given: SourceFields, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {name: value for name, value in given.items() if name in PLAIN_FIELDS}
    if "status" in given:
        changes["disabled_at"] = (row.disabled_at or stamp(now)) if given["status"] == DISABLED else None
    return changes
