"""Ids in a bulk filter, which must be the team's: a mistyped id would start an operation over nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db.models import Model

from connections.models import Connection
from destinations.models import Destination
from events.models import Event, Request
from events.models.bulk import BulkKind, BulkOperation
from fasthook.lib.errors import InvalidInput
from sources.models import Source

_NAMED: Final[dict[str, type[Model]]] = {
    "source_id": Source,
    "connection_id": Connection,
    "destination_id": Destination,
    "request_id": Request,
    "batch_operation_id": BulkOperation,
}


def refuse_unknown_ids(team_id: str, kind: BulkKind, params: Mapping[str, str]) -> None:
    """InvalidInput naming the field and the first id of it that the team does not have. What was deleted counts as
    there, since its evidence is."""
    own = {"id": Request if kind is BulkKind.REQUEST_RETRY else Event}
    for field, model in {**_NAMED, **own}.items():
        ids = params[field].split(",") if field in params else []
        if not ids or any("\0" in each for each in ids):
            continue
        found = set(model._default_manager.filter(team_id=team_id, pk__in=ids).values_list("pk", flat=True))
        unknown = [each for each in ids if each not in found]
        if unknown:
            fault = f"there is no {model._meta.verbose_name} {unknown[0][:100]!r} in this team"
            raise InvalidInput(f"{field}: {fault}", fields={field: [fault]}, data={"ids": unknown[:10]})
