"""The data plane in one process: configuration saved as services save it, and work brought to any of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import models, transaction

import fasthook.celery  # noqa: F401 - nudges are sent through this application
from connections.models import Connection
from destinations.models import Destination
from events.ingress.store import CapturedRequest, write_requests
from events.models import DeliveryJob, Event
from events.routing.worker import Router
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import new_id
from fasthook.lib.sql import DataConnection
from sources.models import Source
from teams.config.lock import next_config_version


def make_plane(name: str = "team") -> Project:
    """A team with one route, under versions of its own: catalogs of other tests' rows stay right."""
    from events.tests.seed import make_project

    project = make_project(name, now=utc_now())
    for row in (project.source, project.destination, project.connection):
        change(row)
    return project


def change(row: models.Model, **values: Any) -> None:
    """Saves columns of a configuration row under the next version."""
    with transaction.atomic():
        for field, value in values.items():
            setattr(row, field, value)
        row.version = next_config_version()  # type: ignore[attr-defined]
        row.save()


def add_source(project: Project, **values: Any) -> Source:
    fields = {"team": project.team, "name": new_id("n"), "slug": new_id("s")[2:]}
    row = Source(**{**fields, **values})
    change(row)
    return row


def add_destination(project: Project, **values: Any) -> Destination:
    fields = {"team": project.team, "name": new_id("n"), "url": "https://example.com/hooks"}
    row = Destination(**{**fields, **values})
    change(row)
    return row


def add_connection(project: Project, **values: Any) -> Connection:
    fields = {
        "team": project.team,
        "name": new_id("n"),
        "source": project.source,
        "destination": project.destination,
    }
    row = Connection(**{**fields, **values})
    change(row)
    return row


def captured(project: Project, **values: Any) -> CapturedRequest:
    base = CapturedRequest(
        id=new_id("req"),
        team_id=project.team.id,
        source_id=project.source.id,
        rejection_cause=None,
        verified=False,
        method="POST",
        path="",
        query="",
        headers=[("content-type", "application/json")],
        body=b'{"id": 1}',
        client_ip="203.0.113.9",
    )
    return replace(base, **values)


def accept(database: DataConnection, requests: Sequence[CapturedRequest]) -> list[str]:
    """Writes them as ingress does; their ids."""
    database.run(write_requests, requests)
    return [request.id for request in requests]


def accept_and_route(project: Project, count: int = 1, **values: Any) -> list[str]:
    """The ids of the events that the requests became."""
    writer, router = DataConnection("test write"), Router()
    try:
        ids = accept(writer, [captured(project, **values) for _ in range(count)])
        while router.route_batch():
            pass
    finally:
        writer.close()
        router.close()
    return list(Event.objects.filter(request_id__in=ids).order_by("id").values_list("id", flat=True))


def set_job(event_id: str, **values: Any) -> None:
    assert DeliveryJob.objects.filter(event_id=event_id).update(**values) == 1


def database_now() -> datetime:
    with database.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
