"""Rows of evidence for tests, made at a chosen time: what ingress, routing and delivery would have written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connections.models import Connection
from destinations.models import Destination
from events.models import Attempt, Event, Request
from events.tests.writing import write
from fasthook.lib.ids import first_id_at, new_id
from sources.models import Source
from teams.models import Team
from teams.secrets.services import create_project_secrets

TIME_CHARACTERS = 10


@dataclass(frozen=True)
class Project:
    """A team with one route."""

    team: Team
    api_key: str
    source: Source
    destination: Destination
    connection: Connection


def make_project(name: str, *, now: datetime) -> Project:
    team = Team.objects.create(name=name)
    secrets = create_project_secrets(team, now=now)
    source = Source.objects.create(team=team, name="source", slug=f"{name}-source")
    destination = Destination.objects.create(team=team, name="destination", url="https://example.com/hooks")
    connection = Connection.objects.create(team=team, name="connection", source=source, destination=destination)
    return Project(team=team, api_key=secrets.api_key, source=source, destination=destination, connection=connection)


def id_at(prefix: str, at: datetime) -> str:
    head = len(prefix) + 1 + TIME_CHARACTERS
    return first_id_at(prefix, at)[:head] + new_id(prefix)[head:]


def build_request(project: Project, at: datetime, **values: Any) -> Request:
    fields: dict[str, Any] = {
        "id": id_at("req", at),
        "team_id": project.team.id,
        "source_id": project.source.id,
        "status": "accepted",
        "verified": False,
        "method": "POST",
        "path": "",
        "query": "",
        "headers": [["content-type", "application/json"]],
        "body": b'{"id": 1}',
        "client_ip": "203.0.113.9",
        "created_at": at,
        "ingested_at": at,
    }
    return Request(**{**fields, **values})


def build_event(request: Request, project: Project, at: datetime, **values: Any) -> Event:
    fields: dict[str, Any] = {
        "id": id_at("evt", at),
        "team_id": project.team.id,
        "request_id": request.id,
        "source_id": project.source.id,
        "connection_id": project.connection.id,
        "destination_id": project.destination.id,
        "status": "QUEUED",
        "created_at": at,
        "updated_at": at,
    }
    return Event(**{**fields, **values})


def build_attempt(event: Event, at: datetime, **values: Any) -> Attempt:
    fields: dict[str, Any] = {
        "id": id_at("att", at),
        "team_id": event.team_id,
        "event_id": event.id,
        "connection_id": event.connection_id,
        "destination_id": event.destination_id,
        "attempt_number": 1,
        "trigger": "INITIAL",
        "status": "SUCCESSFUL",
        "response_status": 200,
        "requested_url": "https://example.com/hooks",
        "http_method": "POST",
        "request_headers": {"x-fasthook-event-id": event.id},
        "response_headers": {"content-type": "text/plain"},
        "body": "ok",
        "latency": 12,
        "created_at": at,
        "delivered_at": at,
    }
    return Attempt(**{**fields, **values})


def make_request(project: Project, at: datetime, **values: Any) -> Request:
    row = build_request(project, at, **values)
    write([row])
    return row


def make_event(request: Request, project: Project, at: datetime, **values: Any) -> Event:
    row = build_event(request, project, at, **values)
    write([row])
    return row


def make_attempt(event: Event, at: datetime, **values: Any) -> Attempt:
    row = build_attempt(event, at, **values)
    write([row])
    return row
