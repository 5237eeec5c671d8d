"""Matching of entries to stored rows: by name, or by the name before a requested rename."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from connections.routes.document.read import Document, raise_faults
from connections.routes.shape import Shape
from teams.models import Resource

# A connection's key is the name of its source, then its own; the others have their name alone.
Key = tuple[str, str]
SECTION_OF: Final[Mapping[str, str]] = {
    "source": "sources",
    "destination": "destinations",
    "transformation": "transformations",
    "connection": "connections",
}

# `from` is no name in Python.
Rename = TypedDict("Rename", {"resource": str, "source": str, "from": str, "to": str}, total=False)


@dataclass(frozen=True, slots=True)
class Matches:
    """`rows` by section and by the key that the document uses; `renamed_from` by id of the row."""

    rows: Mapping[str, dict[Key, Any]]
    renamed_from: dict[str, str] = field(default_factory=dict)

    def unmatched(self, section: str, entries: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The rows of which the document says nothing, in the order of their keys."""
        said = {key_of(entry) for entry in entries}
        return [row for key, row in sorted(self.rows[section].items()) if key not in said]


def key_of(entry: Mapping[str, Any]) -> Key:
    return entry.get("source", ""), entry["name"]


def match_rows(document: Document, shape: Shape, renames: Sequence[Rename]) -> Matches:
    """InvalidInput naming `renames[0].to` and the like. A rename that was done before is no fault."""
    matches = Matches(
        {
            "sources": _by_name(shape.sources),
            "destinations": _by_name(shape.destinations),
            "transformations": _by_name(shape.transformations),
            "connections": {},
        }
    )
    faults: dict[str, list[str]] = {}
    others = [(at, each) for at, each in enumerate(renames) if each["resource"] != "connection"]
    for at, each in others:
        _rename(document, matches, each, source="", at=f"renames[{at}]", faults=faults)
    # From here on sources go by the names that the document has for them.
    source_names = {row.id: key[1] for key, row in matches.rows["sources"].items()}
    for row in shape.connections:
        matches.rows["connections"][source_names[row.source_id], row.name] = row
    for at, each in enumerate(renames):
        if each["resource"] == "connection":
            _rename_connection(document, matches, each, at=f"renames[{at}]", faults=faults)
    raise_faults(faults)
    return matches


def _by_name(rows: Sequence[Resource]) -> dict[Key, Any]:
    return {("", row.name): row for row in rows}


def _rename_connection(
    document: Document, matches: Matches, rename: Rename, *, at: str, faults: dict[str, list[str]]
) -> None:
    source = rename.get("source")
    if source is None:
        entries = document.sections.get("connections", [])
        sources = {entry["source"] for entry in entries if entry["name"] == rename["to"]}
        if len(sources) > 1:
            faults[f"{at}.source"] = ["is required: several sources have a connection of this name"]
            return
        source = next(iter(sources), "")
    _rename(document, matches, rename, source=source, at=at, faults=faults)


def _rename(
    document: Document, matches: Matches, rename: Rename, *, source: str, at: str, faults: dict[str, list[str]]
) -> None:
    kind, old, new = rename["resource"], rename["from"], rename["to"]
    rows = matches.rows[SECTION_OF[kind]]
    said = {key_of(entry) for entry in document.sections.get(SECTION_OF[kind], [])}
    row = rows.get((source, old))
    if (source, new) not in said:
        faults[f"{at}.to"] = [f"the document has no {kind} of this name"]
    elif (source, old) in said:
        faults[f"{at}.from"] = [f"the document still has a {kind} of this name"]
    elif row is None:
        if (source, new) not in rows:
            faults[f"{at}.from"] = [f"there is no {kind} of this name"]
    elif (source, new) in rows:
        faults[f"{at}.to"] = [f"there is already a {kind} of this name; delete or rename that one first"]
    else:
        rows[source, new] = rows.pop((source, old))
        matches.renamed_from[row.id] = old
