"""The last 24 hours of many objects at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connections.models import Connection
from events.tests.explaining import explained
from events.tests.seed import (
    Project,
    build_event,
    build_request,
    make_attempt,
    make_event,
    make_project,
    make_request,
)
from events.tests.writing import write
from fasthook.lib.clock import iso, utc_now
from fasthook.testing import ApiCaller, caller_for
from metrics.summaries import KINDS, newest_evidence

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return utc_now().replace(microsecond=0)


@pytest.fixture
def project(now: datetime) -> Project:
    return make_project("ours", now=now)


@pytest.fixture
def caller(project: Project) -> ApiCaller:
    return caller_for(project.team)


def models_of(caller: ApiCaller, kind: str, *ids: str) -> Any:
    response = caller.get(f"metrics/{kind}?ids={','.join(ids)}")
    assert response.status_code == 200, response.content
    return response.json()["models"]


@pytest.mark.usefixtures("shifted_clock")
def test_a_connection_shows_what_became_of_its_events(caller: ApiCaller, project: Project, now: datetime) -> None:
    request = make_request(project, now - HOUR)
    make_event(request, project, now - 25 * HOUR, status="FAILED")
    delivered = make_event(request, project, now - HOUR, status="SUCCESSFUL", successful_at=now, attempts=1)
    make_event(request, project, now - HOUR, status="HOLD")
    for latency in (20, 2000):
        make_attempt(delivered, now - HOUR, latency=latency)
    [found] = models_of(caller, "connections", project.connection.id)
    assert found == {
        "id": project.connection.id,
        "events": {
            "count": 2,
            "delivered_count": 1,
            "failed_count": 0,
            "queued_count": 0,
            "scheduled_count": 0,
            "hold_count": 1,
            "cancelled_count": 0,
            "ignored_count": 0,
            "error_rate": 0.0,
        },
        "attempts": {"count": 2, "failed_count": 0, "latency_p95": 2000},
        "last_event_at": iso(now - HOUR),
    }
    assert models_of(caller, "destinations", project.destination.id) == [{**found, "id": project.destination.id}]


def test_a_source_shows_what_it_took(caller: ApiCaller, project: Project, now: datetime) -> None:
    request = make_request(project, now - HOUR)
    make_request(project, now - 2 * HOUR, status="rejected", rejection_cause="SOURCE_DISABLED")
    make_event(request, project, now - HOUR, status="FAILED")
    [found] = models_of(caller, "sources", project.source.id)
    assert found["requests"] == {"count": 2, "accepted_count": 1, "rejected_count": 1, "discarded_count": 0}
    assert (found["events"]["count"], found["events"]["error_rate"]) == (1, 1.0)
    assert found["last_request_at"] == iso(now - HOUR)


def test_what_had_nothing_is_shown_with_zeros(caller: ApiCaller, project: Project) -> None:
    [found] = models_of(caller, "connections", project.connection.id)
    assert set(found["events"].values()) == {0}
    assert found["attempts"] == {"count": 0, "failed_count": 0, "latency_p95": None}
    assert found["last_event_at"] is None


def test_answers_come_in_the_order_of_the_ids_in_a_fixed_number_of_statements(
    caller: ApiCaller, project: Project
) -> None:
    rows = [
        Connection.objects.create(
            team=project.team, name=f"c{number}", source=project.source, destination=project.destination
        )
        for number in range(20)
    ]
    ids = [row.id for row in reversed(rows)]
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert [model["id"] for model in models_of(caller, "connections", *ids[:2], ids[0])] == ids[:2]
    with CaptureQueriesContext(connection) as many:
        assert [model["id"] for model in models_of(caller, "connections", *ids)] == ids
    assert len(few) == len(many)


@pytest.mark.parametrize("column", ["source_id", "connection_id", "destination_id"])
def test_the_newest_of_an_owner_without_any_is_not_looked_for_in_all_evidence(
    project: Project, now: datetime, column: str
) -> None:
    kind = next(kind for kind in KINDS.values() if kind.column == column)
    busy, idle = f"{column}_busy", f"{column}_idle"
    row = build_request(project, now - 30 * HOUR)
    moments = [now - 30 * HOUR + number * timedelta(seconds=1) for number in range(3000)]
    if kind.newest[0] == "requests":
        write([build_request(project, moment, **{column: busy}) for moment in moments])
    else:
        write([build_event(row, project, moment, **{column: busy}) for moment in moments])
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {kind.newest[0]}")
    with explained() as readings:
        found = newest_evidence(kind, [busy, idle], before=now)
    assert found == {busy: moments[-1]}
    assert sum(reading.evidence_rows for reading in readings) < 50


@pytest.mark.parametrize("kind", ["sources", "destinations", "connections"])
def test_another_teams_objects_are_left_out(stranger: ApiCaller, project: Project, kind: str) -> None:
    identifier = getattr(project, kind.removesuffix("s")).id
    assert models_of(stranger, kind, identifier, "nonsense") == []


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("", "ids", "is required: up to 255 ids, separated by commas"),
        ("ids=,", "ids", "is required"),
        (f"ids={','.join(map(str, range(256)))}", "ids", "must not be more than 255"),
        ("ids=a%00", "ids", "must not hold a null character"),
        ("ids=a&from=now-1h", "from", "unknown parameter; the legal ones are ids, team_id"),
    ],
)
def test_ids_are_needed_and_bounded(caller: ApiCaller, query: str, field: str, text: str) -> None:
    response = caller.get(f"metrics/connections?{query}")
    assert response.status_code == 422
    assert response.json()["fields"][field][0].startswith(text)
