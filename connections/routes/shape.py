"""A team's route shape as it is stored: all its rows, and a digest that changes with anything a document says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import orjson
from django.db.models import Max
from django.utils.crypto import salted_hmac

from connections.models import Connection, Transformation
from connections.routes.document.entries import (
    connection_entry,
    destination_entry,
    source_entry,
    stored_secret,
    transformation_entry,
)
from destinations.models import Destination
from sources.models import Source
from teams.config.lock import lock_config_shared
from teams.models import Resource, Team
from teams.scoping import for_team

Row = TypeVar("Row", bound=Resource)


@dataclass(frozen=True, slots=True)
class Shape:
    """Live rows, each kind by id."""

    sources: list[Source]
    destinations: list[Destination]
    transformations: list[Transformation]
    connections: list[Connection]

    def digest(self) -> str:
        """Of ids and contents, secrets too: keyed, so that it gives none of them away."""
        names = {row.pk: row.name for row in (*self.sources, *self.destinations, *self.transformations)}
        entries = [
            *((row.id, source_entry(row, stored_secret)) for row in self.sources),
            *((row.id, destination_entry(row, stored_secret)) for row in self.destinations),
            *((row.id, transformation_entry(row, stored_secret)) for row in self.transformations),
            *((row.id, connection_entry(row, names)) for row in self.connections),
        ]
        text = orjson.dumps(sorted(entries, key=lambda each: each[0]), option=orjson.OPT_SORT_KEYS)
        return salted_hmac("fasthook.routes", text, algorithm="sha256").hexdigest()


class ShapeMoved(Exception):
    """The configuration changed while it was read; read it again."""


def read_shape(team: Team, *, lock: bool) -> Shape:
    """Inside a transaction. Unlocked it is one moment's; locking may raise ShapeMoved, and what is new is not seen.

    Locks in the order that all writers keep: sources, destinations, transformations, connections, each by id.
    """
    if not lock:
        # Nobody changes configuration meanwhile. With row locks as well this would be a deadlock.
        lock_config_shared()
    shape = Shape(
        _rows(Source, team, lock),
        _rows(Destination, team, lock),
        _rows(Transformation, team, lock),
        _rows(Connection, team, lock),
    )
    known = {row.pk for row in (*shape.sources, *shape.destinations, *shape.transformations)}
    if any(not _named_by(row) <= known for row in shape.connections):
        raise ShapeMoved
    return shape


def _named_by(row: Connection) -> set[str]:
    transformations = (rule.get("transformation_id") for rule in row.rules)
    return {row.source_id, row.destination_id, *(each for each in transformations if each)}


def newest_version(team: Team) -> int:
    """Rises with every change to the team's configuration."""
    found = (
        model._default_manager.filter(team=team).aggregate(newest=Max("version"))["newest"]
        for model in (Source, Destination, Transformation, Connection)
    )
    return max((version for version in found if version is not None), default=0)


def _rows(model: type[Row], team: Team, lock: bool) -> list[Row]:
    rows = for_team(model, team).order_by("id")
    return list(rows.select_for_update(no_key=True) if lock else rows)
