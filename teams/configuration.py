"""How a row of configuration is written: compared first, then versioned under the gate, then saved.

Whoever writes locks the rows first (source before destination before connection) and takes the version last. That order
is the same everywhere, so writers wait for each other and never in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Generic, NoReturn, TypeVar

from django.db import IntegrityError, models, transaction

from fasthook.lib.errors import Conflict
from teams.config_version import next_config_version
from teams.models import Team
from teams.scoping import for_team, not_found

Row = TypeVar("Row", bound=models.Model)
Result = TypeVar("Result")

# Two callers that upsert one new name race for it once; a third try would need a deletion in between as well.
_MAX_TRIES = 5


def stamp(now: datetime) -> datetime:
    """To the millisecond, as the API shows it: an answer that is sent back unchanged then changes nothing."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class PendingWrite(Generic[Row]):
    """A row that is locked or new, with what is to change. Nothing is written before `write`."""

    __slots__ = ("changes", "created", "row")

    def __init__(self, row: Row, changes: Mapping[str, Any], *, created: bool) -> None:
        self.row = row
        self.created = created
        self.changes = {name: value for name, value in changes.items() if created or getattr(row, name) != value}
        for name, value in self.changes.items():
            setattr(row, name, value)

    def write(self) -> Row:
        """Saves what changed, under the next version; a row that does not change keeps its version and time."""
        if self.created:
            self.row.version = next_config_version()  # type: ignore[attr-defined]
            self.row.save(force_insert=True)
        elif self.changes:
            self.row.version = next_config_version()  # type: ignore[attr-defined]
            self.row.save(update_fields=[*self.changes, "version", "updated_at"])
        return self.row


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
