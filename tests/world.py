"""One team that has a row of everything, so that every route of the table has something to answer with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Model

from alerts.models import Alert, AlertNotification
from alerts.rules.types import RuleType
from alerts.tests.seed import make_channel, make_rule
from connections.models import Connection, Transformation
from connections.tests.factories import ConnectionFactory
from events.models import Event, TransformationExecution
from events.models.backtests import Backtest
from events.models.bulk import BulkKind, BulkOperation
from events.tests.seed import Project, make_attempt, make_event, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.crypto import credential_digest
from teams.audit.log import Subject, record
from teams.audit.request_context import SYSTEM
from teams.models import Invitation, Membership, Role, Team
from teams.tests.factories import UserFactory

APPS = ("teams", "sources", "destinations", "connections", "events", "metrics", "alerts")


@dataclass(slots=True)
class World:
    """`samples`: an id for every place of the route table, such as `connections/<str:id>`."""

    team: Team
    connection: Connection
    now: datetime
    samples: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        row = self.connection
        return Project(
            team=self.team,
            api_key=self.team.secrets.api_key,
            source=row.source,
            destination=row.destination,
            connection=row,
        )

    def query(self, path: str) -> str:
        return re.sub("{(.*?)}", lambda found: self.samples[found[1]], QUERIES.get(path, ""))

    def ids(self) -> set[str]:
        """Every id of this team's, none of which a stranger may ever be shown."""
        return {*self.samples.values(), self.team.id}


def make_world(team: Team) -> World:
    world = World(team=team, connection=ConnectionFactory(team=team), now=utc_now())
    for make in MAKERS:
        world.samples.update(make(world))
    record(SYSTEM, "team.made", Subject(team.id, "team", team.id))
    return world


def configuration(world: World) -> dict[str, str]:
    connection = world.connection
    return {
        "sources/<str:id>": connection.source_id,
        "destinations/<str:id>": connection.destination_id,
        "destinations/<str:destination_id>": connection.destination_id,
        "connections/<str:id>": connection.id,
        "connections/<str:connection_id>": connection.id,
    }


def evidence(world: World) -> dict[str, str]:
    project, now = world.project, world.now
    request = make_request(project, now, query="a=1", headers=[["content-type", "application/json"], ["x-a", "1"]])
    ignored = {"ignored_cause": "FILTERED", "ignored_meta": {"failed_targets": ["body"]}}
    make_event(request, project, now, status="CANCELLED", **ignored)
    make_request(project, now, status="rejected", rejection_cause="PAYLOAD_TOO_LARGE", body=None)
    failed: dict[str, Any] = {"status": "FAILED", "error_code": "TIMEOUT"}
    event = make_event(request, project, now, attempts=2, last_attempt_at=now, **failed)
    make_attempt(event, now, response_status=None, body=None, response_headers=None, error_message="late", **failed)
    attempt = make_attempt(event, now, attempt_number=2, trigger="AUTOMATIC")
    return {
        "requests/<str:request_id>": request.id,
        "events/<str:event_id>": event.id,
        "attempts/<str:attempt_id>": attempt.id,
    }


def transformations(world: World) -> dict[str, str]:
    row = Transformation.objects.create(team=world.team, name="ours", code="return request;", env={"KEY": "secret"})
    event = Event.objects.filter(team_id=world.team.id).latest("id")
    execution = TransformationExecution.objects.create(
        team_id=world.team.id,
        transformation_id=row.id,
        connection_id=event.connection_id,
        request_id=event.request_id,
        event_id=event.id,
        status="SUCCESSFUL",
        logs='[{"level":"log","message":"seen"}]',
        duration_us=1200,
        cpu_us=900,
        created_at=world.now,
    )
    return {
        "transformations/<str:id>": row.id,
        "transformations/<str:transformation_id>": row.id,
        "transformations/<str:transformation_id>/executions/<str:execution_id>": execution.id,
    }


def people(world: World) -> dict[str, str]:
    team, owner = world.team, UserFactory()
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    invitation = Invitation.objects.create(
        team=team,
        email="invited@example.com",
        role=Role.MEMBER,
        digest=credential_digest(team.id),
        invited_by=owner,
        expires_at=world.now + timedelta(days=1),
    )
    return {
        "teams/<str:team_id>": team.id,
        "teams/<str:team_id>/members/<str:user_id>": owner.id,
        "teams/<str:team_id>/invitations/<str:invitation_id>": invitation.id,
    }


def backtests(world: World) -> dict[str, str]:
    row = Backtest.objects.create(
        team_id=world.team.id,
        connection_id=world.connection.id,
        source_id=world.connection.source_id,
        rules=[],
        sealed={},
        range_from=world.now,
        range_to=world.now,
        total_count=10,
        requested_by="somebody@example.com",
        created_at=world.now,
    )
    return {"rehearsals/<str:rehearsal_id>": row.id}


def bulk_operations(world: World) -> dict[str, str]:
    samples = {}
    for kind, resource in ((BulkKind.EVENT_RETRY, "events"), (BulkKind.REQUEST_RETRY, "requests")):
        row = BulkOperation.objects.create(
            team_id=world.team.id,
            type=kind.value,
            digest=f"{world.team.id}{resource}".encode()[-32:],
            filter={"from": "2026-05-29T10:00:00.000Z", "to": "2026-05-29T10:30:00.000Z"},
            range_from=world.now,
            range_to=world.now,
            total_count=10,
            total_exact=True,
            requested_by="somebody@example.com",
            created_at=world.now,
        )
        samples[f"{resource}/bulk_operations/<str:operation_id>"] = row.id
    return samples


def alerts(world: World) -> dict[str, str]:
    now, project = world.now, world.project
    channel = make_channel(project)
    rule = make_rule(project, RuleType.BACKLOG, channel_ids=[channel.id])
    alert = Alert.objects.create(
        team_id=world.team.id,
        rule_id=rule.id,
        rule_type=rule.type,
        object_type="destination",
        object_id=world.connection.destination_id,
        object_name="destination",
        status="OPEN",
        value=1200.0,
        summary="destination destination: 1,200 events wait (threshold 1,000)",
        pending_at=now,
        opened_at=now,
        notified_at=now,
    )
    notification = AlertNotification.objects.create(
        team_id=world.team.id,
        channel_id=channel.id,
        channel_type=channel.type,
        rule_id=rule.id,
        kind="OPENED",
        alert_ids=[alert.id],
        message={"type": "alert.opened"},
        status="SENT",
        due_at=now,
        attempts=1,
        response_status=200,
        created_at=now,
        last_attempt_at=now,
        sent_at=now,
    )
    return {
        "alerts/<str:id>": alert.id,
        "alerts/rules/<str:id>": rule.id,
        "alerts/channels/<str:id>": channel.id,
        "alerts/notifications/<str:id>": notification.id,
    }


MAKERS: tuple[Callable[[World], dict[str, str]], ...] = (
    configuration,
    evidence,
    transformations,
    backtests,
    bulk_operations,
    alerts,
    people,
)

_DAY = "?date_range[start]=now-24h&date_range[end]=now"
# What a read must be asked with; `{place}` is that sample.
QUERIES: dict[str, str] = {
    **{f"metrics/{kind}": _DAY for kind in ("requests", "events", "attempts", "queue")},
    **{f"metrics/{kind}": f"?ids={{{kind}/<str:id>}}" for kind in ("sources", "connections", "destinations")},
}


def belongings(team: Team) -> dict[str, list[Any]]:
    """Every row of every table that says whose it is, for a comparison of before and after. The audit log aside: that
    somebody was refused is written there too."""
    rows: dict[str, list[Any]] = {}
    for model in apps.get_models():
        if model._meta.app_label in APPS and model._meta.model_name != "auditentry" and _team_column(model):
            values = model._default_manager.filter(**{_team_column(model): team.pk}).order_by("pk").values()
            rows[model._meta.label] = list(values)
    return rows


def _team_column(model: type[Model]) -> str:
    names = [each.attname for each in model._meta.concrete_fields]
    return "id" if model is Team else "team_id" if "team_id" in names else ""
