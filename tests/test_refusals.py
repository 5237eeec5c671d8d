"""Every case of tests/refusals, made against one team: answered as the case says, to the letter; nothing changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from connections.models import Connection, Transformation
from connections.tests.factories import ConnectionFactory
from events.models import DeliveryJob
from events.models.backtests import Backtest
from events.models.bulk import BulkOperation
from events.tests.seed import make_event, make_request
from fasthook.testing import ApiCaller
from teams.models import Team
from tests.guides import filled
from tests.refusals import (
    bulk,
    connections,
    custom_responses,
    destinations,
    evidence,
    filters,
    lists,
    metrics,
    rules,
    sources,
    teams,
)
from tests.refusals.case import Refused
from tests.world import World, belongings, make_world

MODULES = (rules, filters, sources, custom_responses, destinations, connections, lists, evidence, bulk, metrics, teams)


@pytest.fixture
def world(team: Team) -> World:
    return make_world(team)


def blocked_events(world: World) -> dict[str, str]:
    """A failed event on a route of its own for each way in which a route can be blocked: `source_deleted`, ..."""
    now = world.now
    found = {}
    for end, column in (
        ("source", "deleted_at"),
        ("source", "disabled_at"),
        ("connection", "deleted_at"),
        ("connection", "disabled_at"),
        ("connection", "paused_at"),
        ("destination", "deleted_at"),
        ("destination", "disabled_at"),
    ):
        route: Connection = ConnectionFactory(team=world.team)
        row = route if end == "connection" else getattr(route, end)
        setattr(row, column, now)
        row.save(update_fields=[column])
        project = replace(world.project, connection=route, source=route.source, destination=route.destination)
        event = make_event(make_request(project, now), project, now, status="FAILED")
        found[f"{end}_{column.removesuffix('_at')}"] = event.id
    return found


def event_in_flight(world: World) -> str:
    """A worker holds its lease."""
    project, now = world.project, world.now
    event = make_event(make_request(project, now), project, now, status="FAILED", next_attempt_at=now)
    DeliveryJob.objects.create(
        event_id=event.id,
        team_id=event.team_id,
        request_id=event.request_id,
        source_id=event.source_id,
        connection_id=event.connection_id,
        destination_id=event.destination_id,
        rank=0,
        due_at=now + timedelta(minutes=1),
        attempt_number=2,
        trigger="AUTOMATIC",
        body_size=2,
        lease_token=uuid4(),
    )
    return event.id


def over_in_bulk(world: World) -> str:
    row = BulkOperation.objects.get(pk=world.samples["events/bulk_operations/<str:operation_id>"])
    row.status = "COMPLETED"
    row.save(update_fields=["status"])
    return row.id


@pytest.fixture
def ids(world: World, other_team: Team, client: ApiCaller) -> dict[str, str]:
    """What the cases speak of, by name."""
    project, now = world.project, world.now
    request = make_request(project, now)
    disabled: Connection = ConnectionFactory(team=world.team, disabled_at=now)
    used = Transformation.objects.create(team=world.team, name="used", code="return request;")
    empty: Connection = ConnectionFactory(team=world.team, name="of-used")
    empty.rules = [{"type": "transform", "transformation_id": used.id}]
    empty.save(update_fields=["rules"])
    over = Backtest.objects.create(
        team_id=world.team.id,
        connection_id=project.connection.id,
        source_id=project.source.id,
        status="COMPLETED",
        rules=[],
        range_from=now,
        range_to=now,
        total_count=1,
        requested_by="somebody@example.com",
        created_at=now,
    )
    stripe = client.post("sources", {"name": "stripe", "type": "STRIPE", "config": {"auth": {"secret": "whsec_abc"}}})
    filtered: dict[str, Any] = {"ignored_cause": "FILTERED", "ignored_meta": {"failed_targets": ["body"]}}
    too_large: dict[str, Any] = {"status": "rejected", "rejection_cause": "PAYLOAD_TOO_LARGE", "body": None}
    return {
        "source": project.source.id,
        "source_name": project.source.name,
        "destination": project.destination.id,
        "destination_name": project.destination.name,
        "connection": project.connection.id,
        "connection_name": project.connection.name,
        "transformation": world.samples["transformations/<str:id>"],
        "request": request.id,
        "event": world.samples["events/<str:event_id>"],
        "rejected": make_request(project, now, **too_large).id,
        "handshake": make_request(project, now, handshake=True).id,
        "held": make_event(request, project, now, status="HOLD").id,
        "queued": make_event(request, project, now, status="QUEUED").id,
        "scheduled": make_event(request, project, now, status="SCHEDULED").id,
        "ignored": make_event(request, project, now, status="CANCELLED", **filtered).id,
        "without_body": make_event(make_request(project, now, **too_large), project, now, status="FAILED").id,
        "between": make_event(request, project, now, status="FAILED", next_attempt_at=now).id,
        "in_flight": event_in_flight(world),
        "stripe": stripe.json()["id"],
        "disabled": disabled.id,
        "empty": empty.id,
        "used": used.id,
        "over": over.id,
        "over_in_bulk": over_in_bulk(world),
        "other_key": other_team.secrets.api_key,
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_refusal_says_what_is_wrong_and_changes_nothing(
    client: ApiCaller, world: World, ids: dict[str, str], module: Any
) -> None:
    if module is evidence:
        # Not for the others: a live connection of a deleted source is nothing that the API can bring about.
        ids.update(blocked_events(world))
    before = belongings(world.team)
    cases: list[Refused] = module.CASES
    for case in cases:
        method, _, path = case.call.partition(" ")
        response = client.call(method, filled(path, ids), filled(case.body, ids))
        answer = response.json()
        told = str(answer.get("error"))
        wanted = filled(case.error, ids)
        if wanted.endswith("..."):
            told = told[: len(wanted) - 3] + "..."
        assert (response.status_code, answer.get("code"), told) == (case.status, case.code, wanted), case
        assert set(answer) <= {"error", "code", "fields", "data"}, case
    assert belongings(world.team) == before
