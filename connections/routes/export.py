"""The team's routes as a document: sorted by name, so that the same shape is the same text; secrets as references."""

from __future__ import annotations

import re
from typing import Any

from connections.routes.document.entries import connection_entry, destination_entry, source_entry, transformation_entry
from connections.routes.document.read import VERSION
from connections.routes.shape import Shape
from teams.models import Resource

_NOT_IN_NAMES = re.compile(r"[^A-Z0-9]+")


def export_document(shape: Shape) -> dict[str, Any]:
    """{version, sources, destinations, transformations, connections}."""
    names = {row.pk: row.name for row in (*shape.sources, *shape.destinations, *shape.transformations)}
    reference = _References()
    return {
        "version": VERSION,
        "sources": [source_entry(row, reference) for row in sorted(shape.sources, key=_name)],
        "destinations": [destination_entry(row, reference) for row in sorted(shape.destinations, key=_name)],
        "transformations": [transformation_entry(row, reference) for row in sorted(shape.transformations, key=_name)],
        "connections": [
            connection_entry(row, names)
            for row in sorted(shape.connections, key=lambda row: (names[row.source_id], row.name))
        ],
    }


class _References:
    """`${SOURCE_STRIPE_SECRET}`: of the kind, the name and the key; numbered where two would be the same."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def __call__(self, row: Resource, key: str, value: str) -> str:
        spelled = f"{row._meta.model_name}_{row.name}_{key}".upper()
        name = wanted = _NOT_IN_NAMES.sub("_", spelled).strip("_")
        number = 1
        while name in self._given:
            number += 1
            name = f"{wanted}_{number}"
        self._given.add(name)
        return f"${{{name}}}"


def _name(row: Resource) -> str:
    return row.name
