"""What waits, counted within bounds, and the scrape that goes on while Postgres is away."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from prometheus_client.metrics_core import Metric

from events.models import DeliveryJob, RouteJob
from events.tests.plane import add_destination, change, make_plane
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import new_id
from metrics.prometheus import backlog
from metrics.prometheus.backlog import Backlog, Sample, sample_backlog

pytestmark = pytest.mark.usefixtures("transactional_db")


def add_job(destination_id: str, *, due_in_s: float, rank: int = 1) -> None:
    DeliveryJob.objects.create(
        event_id=new_id("evt"),
        team_id="tm_1",
        request_id=new_id("req"),
        source_id="src_1",
        connection_id="conn_1",
        destination_id=destination_id,
        rank=rank,
        due_at=utc_now() + timedelta(seconds=due_in_s),
        attempt_number=1,
        trigger="INITIAL",
        body_size=1,
        lease_token="00000000-0000-0000-0000-000000000001" if rank == 0 else None,
    )


def stages() -> dict[str, tuple[int, float]]:
    return {stage.name: (stage.jobs, stage.oldest_due_s) for stage in sample_backlog().stages}


def test_nothing_waits_in_a_quiet_house() -> None:
    sample = sample_backlog()
    assert {stage.name: (stage.jobs, stage.oldest_due_s) for stage in sample.stages} == {
        "route": (0, 0),
        "deliver": (0, 0),
        "settle": (0, 0),
    }
    assert (sample.destinations, sample.late_destinations) == (0, 0)


def test_each_stage_tells_how_much_waits_and_since_when() -> None:
    project = make_plane()
    for age_s in (5, 50):
        RouteJob.objects.create(
            request_id=new_id("req"), source_id="src_1", body_size=1, due_at=utc_now() - timedelta(seconds=age_s)
        )
    add_job("des_1", due_in_s=-20)
    change(project.connection, reconcile_requested_at=utc_now() - timedelta(seconds=7))
    change(add_destination(project), reconcile_requested_at=utc_now())
    found = stages()
    assert {name: jobs for name, (jobs, _) in found.items()} == {"route": 2, "deliver": 1, "settle": 2}
    assert found["route"][1] == pytest.approx(50, abs=5)
    assert found["deliver"][1] == pytest.approx(20, abs=5)
    assert found["settle"][1] == pytest.approx(7, abs=5)


def test_what_is_due_later_waits_but_is_not_late() -> None:
    add_job("des_1", due_in_s=3600, rank=2)
    add_job("des_1", due_in_s=15, rank=0)
    assert stages()["deliver"] == (2, 0)


def test_the_oldest_is_found_behind_any_rank_and_destination() -> None:
    add_job("des_1", due_in_s=-1)
    add_job("des_2", due_in_s=3600)
    add_job("des_2", due_in_s=-100, rank=3)
    add_job("des_3", due_in_s=-10, rank=2)
    sample = sample_backlog()
    assert sample.stages[1].oldest_due_s == pytest.approx(100, abs=5)
    assert (sample.destinations, sample.late_destinations) == (3, 1)


def test_counting_stops_at_a_bound_and_estimates_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "COUNTED_ROWS", 3)
    with connection.cursor() as cursor:
        # Whatever other tests had in it.
        cursor.execute("DELETE FROM delivery_job")
        cursor.execute("ANALYZE delivery_job")
    for number in range(5):
        add_job(f"des_{number}", due_in_s=-1)
    assert stages()["deliver"][0] == 4
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE delivery_job")
    assert stages()["deliver"][0] == 5


def test_destinations_are_visited_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "VISITED_QUEUES", 2)
    for number in range(5):
        add_job(f"des_{number}", due_in_s=-100)
    assert (sample_backlog().destinations, sample_backlog().late_destinations) == (2, 2)


def samples_of(families: list[Metric]) -> dict[str, float]:
    return {sample.name: sample.value for family in families for sample in family.samples}


@pytest.mark.parametrize("fault", [psycopg.OperationalError("away"), psycopg.errors.QueryCanceled("too slow")])
def test_while_postgres_is_away_the_scrape_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail() -> Sample:
        raise fault

    monkeypatch.setattr(backlog, "sample_backlog", fail)
    samples = samples_of([*Backlog(tmp_path).collect()])
    assert samples["fasthook_database_up"] == 0
    assert samples["fasthook_data_disk_free_bytes"] > 0
    assert "fasthook_queue_jobs" not in samples


def test_a_postgres_that_hangs_does_not_hold_the_scrape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(backlog, "sample_backlog", lambda: over.wait(30))
    monkeypatch.setattr(backlog, "PATIENCE_S", 0.02)
    try:
        assert samples_of([*Backlog(tmp_path).collect()])["fasthook_database_up"] == 0
    finally:
        over.set()


def test_scrapes_close_together_share_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def sample() -> Sample:
        asked.append(1)
        return sample_backlog()

    monkeypatch.setattr(backlog, "sample_backlog", sample)
    collector = Backlog(tmp_path)
    first, second = (samples_of([*collector.collect()]) for _ in range(2))
    assert len(asked) == 1
    assert first["fasthook_database_up"] == second["fasthook_database_up"] == 1


def test_a_data_folder_that_is_gone_has_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_of([*Backlog(tmp_path / "gone").collect()])
    assert "fasthook_data_disk_free_bytes" not in samples
    assert samples["fasthook_database_up"] == 1
