"""The configuration that seeded history belongs to: sources, destinations and connections with a usual skew.

Made by the services, so that API and dashboard show it. Destinations are MOCK_API: an event that somebody retries or
releases goes to this installation itself and nowhere else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connections.cascade import delete_source_with_connections
from connections.models import Connection
from connections.services import upsert_connection
from destinations.models import Destination
from destinations.services import delete_destination
from seeding.outcomes import RETRY_COUNT, RETRY_INTERVAL_MS, Kind
from seeding.shapes import SHAPES, SeedConnection, SeedRoutes, SeedSource, SourceShape
from sources.models import Source
from sources.services import upsert_source
from teams.models import Team
from teams.scoping import for_team

PREFIX = "history-"
HELD_FOR = timedelta(hours=6)
_SHARED = "warehouse"
_HMAC = {"secret": "history-only", "signature_header": "x-hub-signature-256"}

_RULES: dict[Kind, list[dict[str, Any]]] = {
    Kind.FLAKY: [
        {"type": "retry", "strategy": "linear", "interval": RETRY_INTERVAL_MS, "count": RETRY_COUNT},
    ],
    Kind.FILTERED: [{"type": "filter", "body": {"type": {"$starts_with": "order"}}}],
    Kind.DEDUPLICATED: [{"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}],
}


def ensure_routes(team: Team, *, base_url: str, now: datetime) -> SeedRoutes:
    """Makes what is missing; running it again changes nothing but what had been changed by hand."""
    paused = for_team(Connection, team).filter(name=f"{PREFIX}forms-1", paused_at__isnull=False).first()
    held_since = paused.paused_at if paused and paused.paused_at else now - HELD_FOR
    sources = []
    for shape in SHAPES:
        config = {"auth_type": "HMAC", "auth": _HMAC} if shape.signed else {}
        source, _ = upsert_source(team, {"name": PREFIX + shape.name, "config": config}, now=now)
        connections = tuple(
            _connection(team, source, shape, number, held_since=held_since, base_url=base_url, now=now)
            for number in range(1, len(shape.kinds) + 1)
        )
        sources.append(SeedSource(source.id, source.name, shape, connections))
    return SeedRoutes(team.id, held_since, tuple(sources))


def _connection(
    team: Team, source: Source, shape: SourceShape, number: int, *, held_since: datetime, base_url: str, now: datetime
) -> SeedConnection:
    kind = shape.kinds[number - 1]
    # Second branches meet in one destination, as data warehouses and audit logs do.
    target = _SHARED if number == 2 else f"{shape.name}-{number}"
    given: dict[str, Any] = {
        "name": f"{PREFIX}{shape.name}-{number}",
        "source_id": source.id,
        "destination": {"name": PREFIX + target, "type": "MOCK_API", "config": {"path": f"/mock/{target}"}},
        "rules": _RULES.get(kind, []),
    }
    if kind is Kind.PAUSED:
        given["paused_at"] = held_since
    row, _ = upsert_connection(team, given, now=now)  # type: ignore[arg-type]
    return SeedConnection(row.id, row.name, row.destination_id, f"{base_url}/mock/{target}", kind)


def remove_routes(team: Team, *, now: datetime) -> None:
    for source in for_team(Source, team).filter(name__startswith=PREFIX):
        delete_source_with_connections(team, source.id, now=now)
    for destination in for_team(Destination, team).filter(name__startswith=PREFIX):
        delete_destination(team, destination.id, now=now)


def seeded_connection_ids(team: Team) -> list[str]:
    """Deleted ones too: their evidence may still be there."""
    rows = Connection.objects.filter(team=team, name__startswith=PREFIX, source__name__startswith=PREFIX)
    return list(rows.order_by("id").values_list("id", flat=True))


def seeded_source_ids(team: Team) -> list[str]:
    rows = Source.objects.filter(team=team, name__startswith=PREFIX)
    return list(rows.order_by("id").values_list("id", flat=True))
