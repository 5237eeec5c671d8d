"""The only read path to what belongs to a team: another team's rows, and deleted ones, do not exist."""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet

from fasthook.lib.errors import NotFound
from teams.models import Team

Row = TypeVar("Row", bound=Model)


def for_team(model: type[Row], team: Team) -> QuerySet[Row]:
    """The team's rows of `model`, without soft-deleted ones."""
    rows: QuerySet[Row] = model._default_manager.filter(team_id=team.pk)
    return rows.filter(deleted_at=None) if _is_soft_deleted(model) else rows


def get_for_team(rows: QuerySet[Row], identifier: str) -> Row:
    """The row with that id out of `for_team(...)`, refined as the caller needs. NotFound when it is not there."""
    # Postgres text holds no NUL, so asking for one would be an error and not an empty answer.
    row = None if "\0" in identifier else rows.filter(pk=identifier).first()
    if row is None:
        raise not_found(rows.model, identifier)
    return row


def not_found(model: type[Model], identifier: str) -> NotFound:
    kind = str(model._meta.verbose_name)
    return NotFound(f"there is no {kind} {identifier[:100]!r} in this team", data={"id": identifier[:100]})


def _is_soft_deleted(model: type[Model]) -> bool:
    try:
        model._meta.get_field("deleted_at")
    except FieldDoesNotExist:
        return False
    return True
