"""The plan of a document: every write planned by its resource's own service, nothing written.

Faults of all entries are collected, so that one answer names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from connections.endpoints import Endpoints
from connections.models import Connection, Transformation
from connections.routes.document.read import Document, raise_faults
from connections.routes.document.rules_by_name import name_transformations
from connections.routes.kept_secrets import SecretKeeper
from connections.routes.matching import SECTION_OF, Matches, Rename, key_of, match_rows
from connections.routes.shape import Shape
from connections.rules.spec import normalise_rules
from connections.services import ConnectionFields, plan_connection, plan_connection_deletion
from connections.transform_rule import PlannedRules
from connections.transformations.services import (
    TransformationFields,
    plan_transformation,
    plan_transformation_deletion,
)
from destinations.models import Destination
from destinations.services import DestinationFields, plan_destination, plan_destination_deletion
from fasthook.lib.errors import Conflict, InvalidInput
from sources.models import Source
from sources.services import SourceFields, plan_source, plan_source_deletion
from teams.config.writes import PendingWrite, stamp
from teams.models import Team

Start = Literal["live", "paused", "disabled"]
STARTS: Final = ("live", "paused", "disabled")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for besides the document. `start` is the state of connections that are created."""

    prune: bool = False
    renames: Sequence[Rename] = ()
    start: Start = "live"


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource: its write, None when the document says nothing of it; where the document says it."""

    kind: str
    row: Any
    write: PendingWrite[Any] | None
    at: str | None

    @property
    def action(self) -> str:
        if self.write is None:
            return "left"
        if self.write.created:
            return "create"
        if "deleted_at" in self.write.changes:
            return "delete"
        return "update" if self.write.changes else "unchanged"


@dataclass(frozen=True, slots=True)
class Plan:
    """In the order of the document, what it lacks last. `names` are those of all ends and transformations, by id."""

    resources: list[Planned]
    names: Mapping[str, str]
    renamed_from: Mapping[str, str]
    secrets_kept: list[str]

    def writes(self) -> list[PendingWrite[Any]]:
        """What changes. Deletions make room for names, and ends come before what joins them."""
        changing = [each for each in self.resources if each.action in _WRITTEN]
        return [each.write for each in sorted(changing, key=_turn) if each.write is not None]


_WRITTEN: Final = {"delete": 0, "update": 1, "create": 2}


def _turn(planned: Planned) -> tuple[int, int]:
    return _WRITTEN[planned.action], list(SECTION_OF).index(planned.kind)


def make_plan(team: Team, document: Document, shape: Shape, wishes: Wishes, *, now: datetime) -> Plan:
    """InvalidInput with every fault under its path; Conflict HAS_CONNECTIONS when pruning would cut connections off."""
    matches = match_rows(document, shape, wishes.renames)
    return _Planner(team, document, matches, wishes, now=now).plan()


class _Planner:
    def __init__(self, team: Team, document: Document, matches: Matches, wishes: Wishes, *, now: datetime) -> None:
        self._team = team
        self._document = document
        self._matches = matches
        self._wishes = wishes
        self._now = now
        self._secrets = SecretKeeper(document.found)
        self._faults: dict[str, list[str]] = self._secrets.faults
        self._planned: list[Planned] = []
        # What a connection may name: by section and name.
        self._ends: dict[str, dict[str, PendingWrite[Any]]] = {}
        # By section and name: what names one of these is not told for it as well.
        self._failed: set[tuple[str, str]] = set()

    def plan(self) -> Plan:
        self._plan_section("source", self._source)
        self._plan_section("destination", self._destination)
        self._plan_section("transformation", self._transformation)
        self._plan_section("connection", self._connection)
        raise_faults(self._faults)
        for kind in reversed(list(SECTION_OF)):
            self._planned += self._lacking(kind)
        self._refuse_cutting_off()
        ends = (write for section in self._ends.values() for write in section.values())
        names = {write.row.id: write.row.name for write in ends}
        names |= {each.row.id: each.row.name for each in self._planned}
        return Plan(self._planned, names, self._matches.renamed_from, sorted(self._secrets.kept))

    def _plan_section(self, kind: str, plan_one: Callable[[dict[str, Any], Any, str], PendingWrite[Any]]) -> None:
        section = SECTION_OF[kind]
        entries = self._document.sections.get(section, [])
        ends = self._ends[section] = {}
        # With pruning, what the document lacks is gone: nothing may name it. A section left out is left alone.
        if not (self._wishes.prune and section in self._document.sections):
            for key, row in self._matches.rows[section].items():
                ends[key[1]] = PendingWrite(row, {}, created=False)
        for index, entry in enumerate(entries):
            at = f"document.{section}[{index}]"
            row = self._matches.rows[section].get(key_of(entry))
            try:
                write = plan_one(entry, row, at)
            except InvalidInput as error:
                self._failed.add((section, entry["name"]))
                for path, told in error.fields.items():
                    self._faults.setdefault(path, told)
                continue
            ends[entry["name"]] = write
            self._planned.append(Planned(kind, write.row, write, at))

    def _source(self, entry: dict[str, Any], row: Source | None, at: str) -> PendingWrite[Source]:
        self._secrets.fill_source(entry, row, at=at)
        return plan_source(self._team, row, cast(SourceFields, entry), now=self._now, at=f"{at}.")

    def _destination(self, entry: dict[str, Any], row: Destination | None, at: str) -> PendingWrite[Destination]:
        self._secrets.fill_destination(entry, row, at=at)
        return plan_destination(self._team, row, cast(DestinationFields, entry), now=self._now, at=f"{at}.")

    def _transformation(
        self, entry: dict[str, Any], row: Transformation | None, at: str
    ) -> PendingWrite[Transformation]:
        self._secrets.fill_transformation(entry, row, at=at)
        return plan_transformation(self._team, row, cast(TransformationFields, entry), at=f"{at}.")

    def _connection(self, entry: dict[str, Any], row: Connection | None, at: str) -> PendingWrite[Connection]:
        ends = Endpoints(
            source=self._end("source", entry["source"], at=f"{at}.source"),
            destination=self._end("destination", entry["destination"], at=f"{at}.destination"),
        )
        rules = PlannedRules()
        if "rules" in entry:
            ids = {name: write.row.id for name, write in self._ends["transformations"].items()}
            ids |= {name: name for section, name in self._failed if section == "transformations"}
            by_id = name_transformations(entry["rules"], ids, at=f"{at}.rules")
            rules = PlannedRules(normalise_rules(by_id, at=f"{at}.rules"))
        given: dict[str, Any] = {name: entry[name] for name in ("name", "description") if name in entry}
        if row is None and self._wishes.start != "live":
            given[f"{self._wishes.start}_at"] = stamp(self._now)
        fields = cast(ConnectionFields, given)
        return plan_connection(self._team, row, fields, ends, rules=rules, now=self._now)

    def _end(self, kind: str, name: str, *, at: str) -> PendingWrite[Any]:
        end = self._ends[SECTION_OF[kind]].get(name)
        if end is not None:
            return end
        if (SECTION_OF[kind], name) in self._failed:
            raise InvalidInput(f"{at}: has faults")
        known = ("", name) in self._matches.rows[SECTION_OF[kind]]
        fault = f"is not in the document, and pruning deletes it: list the {kind}" if known else f"names no {kind}"
        raise InvalidInput(f"{at}: {fault}", fields={at: [fault]})

    def _lacking(self, kind: str) -> list[Planned]:
        section = SECTION_OF[kind]
        rows = self._matches.unmatched(section, self._document.sections.get(section, []))
        if not (self._wishes.prune and section in self._document.sections):
            return [Planned(kind, row, None, None) for row in rows]
        delete: Callable[..., PendingWrite[Any]] = _DELETE[kind]
        return [Planned(kind, row, delete(row, now=self._now), None) for row in rows]

    def _refuse_cutting_off(self) -> None:
        """Of several the first by name is named."""
        doomed = {each.row.id: each for each in self._planned if each.action == "delete"}
        kept = [each.row for each in self._planned if each.kind == "connection" and each.action != "delete"]
        for connection in sorted(kept, key=lambda row: str(row.name)):
            named = {connection.source_id, connection.destination_id, *_transformations(connection)}
            for end in sorted((doomed[id_] for id_ in named & doomed.keys()), key=lambda each: str(each.row.name)):
                raise Conflict(
                    f"pruning would delete {end.kind} {end.row.name}, which connection {connection.name} uses; "
                    "give the connections section as well, or keep it in the document",
                    code="HAS_CONNECTIONS",
                    data={"id": end.row.id, "connection_id": connection.id},
                )


_DELETE: Final[Mapping[str, Callable[..., PendingWrite[Any]]]] = {
    "source": plan_source_deletion,
    "destination": plan_destination_deletion,
    "transformation": plan_transformation_deletion,
    "connection": plan_connection_deletion,
}


def _transformations(row: Connection) -> set[str]:
    return {rule["transformation_id"] for rule in row.rules if "transformation_id" in rule}
