"""The two ends that a connection's body names: by id, by an object with an id, or inline to be upserted by name.

Both are locked here, source first, before the connection is: a source or destination cannot be deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from destinations.models import Destination
from destinations.services import plan_destination_upsert
from fasthook.lib.errors import NotFound, invalid
from sources.models import Source
from sources.services import plan_source_upsert
from teams.config.writes import PendingWrite, lock_for_team
from teams.models import Resource, Team

End = TypeVar("End", bound=Resource)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The ends that were named; None leaves the connection's own."""

    source: PendingWrite[Source] | None = None
    destination: PendingWrite[Destination] | None = None


def plan_endpoints(team: Team, given: Mapping[str, Any], *, now: datetime) -> Endpoints:
    """Locks existing ends, prepares inline ones. NotFound and InvalidInput name the field of the body."""
    source: PendingWrite[Source] | None = None
    destination: PendingWrite[Destination] | None = None
    identifier, inline = _named(given, "source")
    if identifier is not None:
        source = _existing(Source, team, identifier, field="source_id")
    elif inline is not None:
        source = plan_source_upsert(team, inline, now=now, at="source.")  # type: ignore[arg-type]
    identifier, inline = _named(given, "destination")
    if identifier is not None:
        destination = _existing(Destination, team, identifier, field="destination_id")
    elif inline is not None:
        destination = plan_destination_upsert(team, inline, now=now, at="destination.")  # type: ignore[arg-type]
    return Endpoints(source=source, destination=destination)


def _named(given: Mapping[str, Any], end: str) -> tuple[str | None, Mapping[str, Any] | None]:
    """The id, or else the inline object. With an id in it the object is a reference: its other fields are not read."""
    identifier: str | None = given.get(f"{end}_id")
    inline: Mapping[str, Any] | None = given.get(end)
    if inline is None:
        return identifier, None
    inner: str | None = inline.get("id")
    if identifier is not None and inner != identifier:
        raise invalid(f"{end}_id", f"and {end} name different things; send one of them")
    return inner, inline


def _existing(model: type[End], team: Team, identifier: str, *, field: str) -> PendingWrite[End]:
    try:
        row = lock_for_team(model, team, identifier)
    except NotFound as error:
        raise NotFound(error.message, fields={field: [error.message]}, data=error.data) from None
    return PendingWrite(row, {}, created=False)
