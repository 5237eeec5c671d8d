"""The queue of deliveries: what counts as waiting, samples of a minute, peaks of a bucket, and what waits now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from destinations.models import Destination
from events.models import DeliveryJob
from events.tests.seed import Project, make_project
from fasthook.lib.clock import iso, utc_now
from fasthook.lib.ids import new_id
from fasthook.testing import ApiCaller, caller_for
from metrics.queue import sample_queue
from metrics.rollups.counting import forget

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    return utc_now().replace(second=30, microsecond=0) - 10 * MINUTE


@pytest.fixture
def project(now: datetime) -> Project:
    return make_project("ours", now=now)


@pytest.fixture
def caller(project: Project) -> ApiCaller:
    return caller_for(project.team)


def add_job(project: Project, destination_id: str, due_at: datetime, rank: int = 1) -> None:
    DeliveryJob.objects.create(
        event_id=new_id("evt"),
        team_id=project.team.id,
        request_id=new_id("req"),
        source_id=project.source.id,
        connection_id=project.connection.id,
        destination_id=destination_id,
        rank=rank,
        due_at=due_at,
        attempt_number=1,
        trigger="INITIAL",
        body_size=1,
        lease_token="00000000-0000-0000-0000-000000000001" if rank == 0 else None,
    )


def ask(caller: ApiCaller, now: datetime, more: str = "") -> Any:
    start, end = iso(now - 2 * MINUTE), iso(now + 2 * MINUTE)
    response = caller.get(f"metrics/queue?date_range[start]={start}&date_range[end]={end}&granularity=1m{more}")
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.usefixtures("shifted_clock")
def test_a_sample_counts_what_is_due_or_in_flight(caller: ApiCaller, project: Project, now: datetime) -> None:
    add_job(project, project.destination.id, now - timedelta(seconds=70))
    add_job(project, project.destination.id, now - timedelta(seconds=5), rank=3)
    add_job(project, project.destination.id, now + timedelta(seconds=10), rank=0)
    add_job(project, project.destination.id, now + timedelta(hours=1), rank=2)
    assert sample_queue(now=now) == 1
    found = ask(caller, now)
    assert found["series"][2] == {
        "timestamp": iso(now.replace(second=0)),
        "depth": 3,
        "oldest_age": 70,
    }
    assert [point["depth"] for point in found["series"]] == [0, 0, 3, 0, 0]
    assert found["totals"] == {"depth": 3, "oldest_age": 70}


def test_two_samples_of_a_minute_are_one(caller: ApiCaller, project: Project, now: datetime) -> None:
    add_job(project, project.destination.id, now)
    sample_queue(now=now)
    add_job(project, project.destination.id, now)
    sample_queue(now=now)
    DeliveryJob.objects.all().delete()
    sample_queue(now=now)
    assert ask(caller, now)["totals"]["depth"] == 2


def test_a_peak_is_what_the_destinations_had_together(caller: ApiCaller, project: Project, now: datetime) -> None:
    other = Destination.objects.create(team=project.team, name="other", url="https://example.com/other")
    for destination, moments in ((project.destination, (now, now - MINUTE)), (other, (now - MINUTE,))):
        for moment in moments:
            DeliveryJob.objects.all().delete()
            add_job(project, destination.id, moment)
            add_job(project, destination.id, moment)
            sample_queue(now=moment)
    assert ask(caller, now, "&measures[]=depth")["totals"] == {"depth": 4}
    split = ask(caller, now, "&measures[]=depth&dimensions[]=destination_id")
    assert split["totals"] == {"depth": 4}
    assert max(point["depth"] for point in split["series"]) == 2
    assert ask(caller, now, f"&measures[]=depth&destination_id={other.id}")["totals"] == {"depth": 2}


def test_what_waits_now_needs_no_sample(caller: ApiCaller, project: Project, now: datetime) -> None:
    assert ask(caller, now)["now"] == [{"depth": 0, "oldest_age": 0}]
    add_job(project, project.destination.id, utc_now() - timedelta(seconds=5))
    [waiting] = ask(caller, now, "&dimensions[]=destination_id")["now"]
    assert (waiting["destination_id"], waiting["depth"]) == (project.destination.id, 1)
    assert waiting["oldest_age"] in (5, 6, 7)
    assert ask(caller, now, "&destination_id=des_other&measures[]=depth")["now"] == [{"depth": 0}]


def test_another_teams_queue_is_not_seen(stranger: ApiCaller, project: Project, now: datetime) -> None:
    add_job(project, project.destination.id, now)
    sample_queue(now=now)
    found = ask(stranger, now, f"&destination_id={project.destination.id}")
    assert found["totals"] == {"depth": 0, "oldest_age": 0}
    assert found["now"] == [{"depth": 0, "oldest_age": 0}]


@pytest.mark.usefixtures("shifted_clock")
def test_samples_are_forgotten_with_time(caller: ApiCaller, project: Project, now: datetime) -> None:
    add_job(project, project.destination.id, now - MINUTE)
    sample_queue(now=now - MINUTE)
    sample_queue(now=now)
    assert forget(before=now.replace(second=0)) == 1
    assert [point["depth"] for point in ask(caller, now)["series"]] == [0, 0, 1, 0, 0]
