"""Writes of configuration: compared first, told to the audit log, versioned under the lock, then saved.

Whoever writes locks the rows first (source before destination before connection) and takes the version last. That order
is the same everywhere, so writers wait for each other and never in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Generic, NoReturn, TypeVar

from django.db import IntegrityError, models, transaction

from fasthook.lib.errors import Conflict
from teams.audit.log import entry, record_all
from teams.audit.request_context import current_who
from teams.config.lock import next_config_version
from teams.models import AuditEntry, Resource, Team
from teams.scoping import for_team, not_found

Row = TypeVar("Row", bound=Resource)
Result = TypeVar("Result")

# Two callers that upsert one new name race for it once; a third try would need a deletion in between as well.
_MAX_TRIES = 5
# A change of nothing else is one of state, and is told as such.
_STATE = frozenset({"disabled_at", "paused_at", "reconcile_requested_at"})


def stamp(now: datetime) -> datetime:
    """To the millisecond, as the API shows it: an answer that is sent back unchanged then changes nothing."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class PendingWrite(Generic[Row]):
    """A row that is locked or new, with what is to change. Nothing is written before `write`.

    `before` and `after` are what differs as it may be shown, under the API's names: None before a creation, and after
    a deletion. `was` holds the old values of changed columns as they are, secrets too.
    """

    __slots__ = ("after", "before", "changes", "created", "row", "was")

    def __init__(self, row: Row, changes: Mapping[str, Any], *, created: bool) -> None:
        self.row = row
        self.created = created
        self.changes = {name: value for name, value in changes.items() if created or getattr(row, name) != value}
        deleted = "deleted_at" in self.changes
        told = row.shown_as if created or deleted else [name for name in row.shown_as if name in self.changes]
        self.before = None if created else show(row, told)
        self.was = {} if created else {name: getattr(row, name) for name in self.changes}
        for name, value in self.changes.items():
            setattr(row, name, value)
        self.after = None if deleted else show(row, told)

    def write(self) -> Row:
        """Saves what changed, under the next version; a row that does not change keeps its version and time."""
        write_all([self])
        return self.row

    def audit_entry(self) -> AuditEntry:
        kind = str(self.row._meta.verbose_name).replace(" ", "_")
        action = f"{kind}.{self._verb()}"
        return entry(current_who(), action, self.row, before=self.before, after=self.after)

    def _verb(self) -> str:
        if self.created:
            return "created"
        if "deleted_at" in self.changes:
            return "deleted"
        if self.changes.keys() <= _STATE:
            if "disabled_at" in self.changes:
                return "disabled" if self.changes["disabled_at"] else "enabled"
            return "paused" if self.changes["paused_at"] else "unpaused"
        return "updated"


def show(row: Resource, columns: Iterable[str]) -> dict[str, Any]:
    return {row.shown_as[column]: row.shown(column) for column in columns}


def write_all(writes: Sequence[PendingWrite[Any]]) -> None:
    """Saves what changes of all of them, in this order, under one version and with one INSERT into the audit log."""
    changing = [write for write in writes if write.created or write.changes]
    if not changing:
        return
    record_all([write.audit_entry() for write in changing])
    version = next_config_version()
    for write in changing:
        write.row.version = version
    for (model, created), alike in groupby(changing, key=lambda write: (type(write.row), write.created)):
        if created:
            model._default_manager.bulk_create([write.row for write in alike])
        else:
            for write in alike:
                write.row.save(update_fields=[*write.changes, "version", "updated_at"])


def lock_for_team(model: type[Row], team: Team, identifier: str) -> Row:
    """The team's row, locked until the transaction ends. NotFound."""
    row = find_locked(model, team, pk=identifier)
    if row is None:
        raise not_found(model, identifier)
    return row


def find_locked(model: type[Row], team: Team, **condition: Any) -> Row | None:
    if any(isinstance(value, str) and "\0" in value for value in condition.values()):
        return None
    # Not FOR UPDATE: rows of evidence and connections that point here must not wait.
    return for_team(model, team).select_for_update(no_key=True).filter(**condition).first()


def upsert(attempt: Callable[[], Result], *, races: Collection[str]) -> Result:
    """Runs `attempt` in a transaction; again when another caller created the same name in between.

    `races` are the unique constraints that tell so.
    """
    for _ in range(_MAX_TRIES - 1):
        try:
            with transaction.atomic():
                return attempt()
        except IntegrityError as error:
            if violated_constraint(error) not in races:
                raise
    with transaction.atomic():
        return attempt()


def violated_constraint(error: IntegrityError) -> str | None:
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return name if isinstance(name, str) else None


def raise_name_taken(
    error: IntegrityError, model: type[models.Model], team: Team, *, constraint: str, **condition: Any
) -> NoReturn:
    """Turns the violated `constraint` into 409 with the id of the row that has the name; raises others as they are."""
    if violated_constraint(error) != constraint:
        raise error
    kind = str(model._meta.verbose_name)
    holder = for_team(model, team).filter(**condition).values_list("pk", flat=True).first()
    raise Conflict(
        f"there is already a {kind} with this name; update it (PUT), or choose another name",
        code="RESOURCE_ALREADY_EXISTS",
        fields={"name": ["is already taken"]},
        data={"id": holder},
    ) from None
