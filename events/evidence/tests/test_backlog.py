"""What waits for a connection is shown with it: the progress of a pause and of a release, from indexes."""

from __future__ import annotations

import pytest
from django.db import connection as database

from connections.services import pause_connection, unpause_connection
from events.evidence import backlog
from events.lifecycle import reconcile
from events.lifecycle.reconcile import reconcile_all
from events.models import DeliveryJob, Event
from events.tests.plane import accept_and_route, add_connection
from events.tests.replaying import claim
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection
from fasthook.testing import ApiCaller


def waiting(project: Project) -> tuple[bool, int, int, bool]:
    api = ApiCaller(project.api_key, prefix="")
    shown = api.get(f"/v1/connections/{project.connection.id}").json()["waiting"]
    assert list(shown) == ["settling", "held", "queued", "exact"]
    return tuple(shown.values())


def test_a_pause_and_a_release_show_how_far_they_are(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    add_connection(project)
    api = ApiCaller(project.api_key, prefix="")
    assert "waiting" not in api.get(f"/v1/connections/{project.connection.id}").json()
    accept_and_route(project, 5)
    assert waiting(project) == (False, 0, 5, True)
    pause_connection(project.team, project.connection.id, now=utc_now())
    assert waiting(project) == (True, 0, 5, True)
    reconcile_all(seconds=5)
    assert waiting(project) == (False, 5, 0, True)
    monkeypatch.setattr(reconcile, "PAGE", 2)
    unpause_connection(project.team, project.connection.id, now=utc_now())
    assert reconcile._reconcile_connection(project.connection.id) == 2
    assert waiting(project) == (True, 3, 2, True)
    reconcile_all(seconds=5)
    assert waiting(project) == (False, 0, 5, True)


def test_beyond_its_bound_a_count_is_not_exact(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    accept_and_route(project, 4)
    monkeypatch.setattr(backlog, "COUNT_UP_TO", 3)
    assert waiting(project) == (False, 0, 3, False)
    DeliveryJob.objects.all().delete()
    Event.objects.update(status="HOLD")
    assert waiting(project) == (False, 3, 0, False)


def test_both_are_counted_from_an_index(project: Project) -> None:
    with database.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute("EXPLAIN " + backlog._QUEUED, ["conn_1", "des_1", 10])
            assert "delivery_job_queue" in str(cursor.fetchall())
            cursor.execute("EXPLAIN SELECT id FROM events WHERE connection_id = 'conn_1' AND status = 'HOLD' LIMIT 10")
            assert "status" not in str(cursor.fetchall())
        finally:
            cursor.execute("RESET enable_seqscan")


def test_an_answer_that_is_sent_back_changes_nothing(project: Project) -> None:
    accept_and_route(project)
    api = ApiCaller(project.api_key, prefix="")
    shown = api.get(f"/v1/connections/{project.connection.id}").json()
    assert shown["waiting"]["queued"] == 1
    answer = api.patch(f"/v1/connections/{project.connection.id}", {**shown})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["updated_at"] == shown["updated_at"]


def test_a_release_is_taken_oldest_first_at_the_destinations_rate(project: Project, door: DataConnection) -> None:
    project.destination.rate_limit = 4
    project.destination.save()
    ids = accept_and_route(project, 6)
    pause_connection(project.team, project.connection.id, now=utc_now())
    reconcile_all(seconds=5)
    unpause_connection(project.team, project.connection.id, now=utc_now())
    (newer,) = accept_and_route(project)
    reconcile_all(seconds=5)
    slots = [(job.event_id, round(job.wait_s, 1)) for job in claim(door)]
    # A hundredth wider than the rate asks; what is more than a second off stays in the table.
    assert slots == list(zip(ids[:4], [0.0, 0.3, 0.5, 0.8], strict=True))
    assert set(DeliveryJob.objects.filter(rank__gt=0).values_list("event_id", flat=True)) == {*ids[4:], newer}
