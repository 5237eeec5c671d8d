"""What tests of the trace share: evidence of a branch at chosen times, and the timeline as it is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connections.models import Connection
from events.models import DeliveryJob, TransformationExecution
from events.tests.seed import Project, build_attempt, id_at, make_event, make_request
from events.tests.writing import write
from fasthook.testing import ApiCaller
from teams.models import AuditEntry

MINUTE = timedelta(minutes=1)
RETRY = {"type": "retry", "strategy": "linear", "interval": 60_000, "count": 3}


@pytest.fixture
def then(now: datetime) -> datetime:
    moment = now - 30 * MINUTE
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def trace(api: ApiCaller, request_id: str, **params: Any) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in params.items())
    answer = api.get(f"/v1/requests/{request_id}/trace?{query}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def told(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["title"]) for entry in found["timeline"]]


def audit(team: Project, action: str, resource_id: str, at: datetime, **values: Any) -> AuditEntry:
    return AuditEntry.objects.create(
        id=id_at("aud", at),
        team_id=team.team.id,
        action=action,
        actor_type="member",
        actor_label="maya@example.com",
        resource_type=action.partition(".")[0],
        resource_id=resource_id,
        resource_name="connection" if action.startswith("connection") else "",
        **values,
    )


def save_rules(team: Project, rules: list[Any]) -> None:
    Connection.objects.filter(pk=team.connection.id).update(rules=rules)


def run_of(request_id: str, event_id: str, team: Project, at: datetime, **values: Any) -> TransformationExecution:
    fields: dict[str, Any] = {
        "id": id_at("txe", at),
        "team_id": team.team.id,
        "transformation_id": "trs_1",
        "connection_id": team.connection.id,
        "request_id": request_id,
        "event_id": event_id,
        "status": "SUCCESSFUL",
        "logs": '[{"level":"log","message":"a\\u0000"},{"level":"log","message":"b"}]',
        "duration_us": 1500,
        "cpu_us": 1,
        "after": "{}",
        "created_at": at,
    }
    row = TransformationExecution(**{**fields, **values})
    write([row])
    return row


def job_of(event: Any, due_at: datetime, **values: Any) -> None:
    fields: dict[str, Any] = {
        "event_id": event.id,
        "team_id": event.team_id,
        "request_id": event.request_id,
        "source_id": event.source_id,
        "connection_id": event.connection_id,
        "destination_id": event.destination_id,
        "rank": 2,
        "due_at": due_at,
        "attempt_number": 2,
        "retry_number": 1,
        "trigger": "AUTOMATIC",
        "body_size": 1,
    }
    DeliveryJob.objects.create(**{**fields, **values})


def fan(team: Project, then: datetime, *, branches: int, attempts: int) -> str:
    row = make_request(team, then)
    for _ in range(branches):
        event = make_event(row, team, then, status="FAILED", attempts=attempts, last_attempt_at=then + 9 * MINUTE)
        made = [build_attempt(event, then + number * timedelta(seconds=1)) for number in range(attempts)]
        write(made)
    return row.id
