"""What tests of routing with transformations share."""

from __future__ import annotations

from typing import Any

from connections.models import Connection, Transformation
from events.models import Event
from events.routing.worker import Router
from events.tests.plane import add_connection, change
from events.tests.seed import Project
from fasthook.lib.ids import new_id
from sources.models import Source

GOOD = "request.body.seen = context.source.name; return request;"
LOOP = "while (true) {}"


def transform(project: Project, code: str, *, env: dict[str, str] | None = None) -> dict[str, Any]:
    row = Transformation(team=project.team, name=new_id("n"), code=code, env=env or {})
    change(row)
    return {"type": "transform", "transformation_id": row.id}


def route_with(project: Project, code: str, *rules: dict[str, Any], source: Source | None = None) -> Connection:
    """Another connection, of the project's own source or another, with such a transformation."""
    return add_connection(
        project, rules=[*rules, transform(project, code)], **({} if source is None else {"source": source})
    )


def route_all(router: Router) -> None:
    while router.route_batch() + router.route_slow_batch():
        pass


def event_of(connection: Connection) -> Event:
    return Event.objects.get(connection_id=connection.id)
