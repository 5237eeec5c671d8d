"""Rules, channels and what they look at, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from alerts.models import AlertChannel, AlertRule
from alerts.rules.types import RuleType, read_rule_config
from destinations.models import Destination
from events.models import DeliveryJob, Event
from events.tests.seed import Project, make_attempt, make_event, make_project, make_request


def make_bare_project(name: str, *, now: datetime) -> Project:
    """Without the rules that a new team begins with."""
    project = make_project(name, now=now)
    AlertRule.objects.filter(team=project.team).delete()
    return project


def make_rule(
    project: Project, rule_type: RuleType, *, config: dict[str, Any] | None = None, **values: Any
) -> AlertRule:
    """Opens and resolves at once unless `for_s` and `resolve_after_s` say otherwise."""
    numbers = read_rule_config(rule_type, config or {}, kept={}, at="config")
    columns = {name: getattr(numbers, name) for name in numbers.__slots__}
    fields = {"name": f"rule-{AlertRule.objects.count()}", "for_s": 0, "resolve_after_s": 0, **columns, **values}
    return AlertRule.objects.create(team=project.team, type=rule_type.value, **fields)


def make_channel(project: Project, url: str = "https://example.com/alerts", **values: Any) -> AlertChannel:
    fields = {"name": f"channel-{AlertChannel.objects.count()}", "type": "WEBHOOK", "config": {"url": url}, **values}
    return AlertChannel.objects.create(team=project.team, **fields)


def make_attempts(project: Project, at: datetime, *, failed: int = 0, successful: int = 0, **values: Any) -> None:
    """Attempts, a millisecond apart, of one event of a request of its own."""
    event = _event(project, at)
    for number in range(failed + successful):
        status = {"status": "FAILED", "error_code": "TIMEOUT"} if number < failed else {"status": "SUCCESSFUL"}
        make_attempt(event, at + timedelta(milliseconds=number), **{**status, **values})


def make_echo(project: Project, at: datetime, notification_id: str) -> Event:
    """An event of a request that a notification made, its one attempt failed."""
    headers = [["content-type", "application/json"], ["x-fasthook-alert", notification_id]]
    event = make_event(make_request(project, at, headers=headers), project, at, status="FAILED", attempts=1)
    make_attempt(event, at, status="FAILED", error_code="TIMEOUT")
    return event


def make_jobs(project: Project, count: int, due_at: datetime, *, destination: Destination | None = None) -> None:
    request = make_request(project, due_at)
    DeliveryJob.objects.bulk_create(
        DeliveryJob(
            event_id=f"evt_{uuid4().hex[:26]}",
            team_id=project.team.id,
            request_id=request.id,
            source_id=project.source.id,
            connection_id=project.connection.id,
            destination_id=(destination or project.destination).id,
            rank=1,
            due_at=due_at,
            attempt_number=1,
            trigger="INITIAL",
            body_size=1,
        )
        for _ in range(count)
    )


def _event(project: Project, at: datetime) -> Event:
    return make_event(make_request(project, at), project, at, status="SUCCESSFUL", successful_at=at, attempts=1)
