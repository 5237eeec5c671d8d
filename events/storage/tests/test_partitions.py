"""Daily partitions of evidence, and the other work of the house: made, dropped, swept, and stages woken."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from structlog.testing import capture_logs

from events import housekeeping
from events.housekeeping import _delete_in_pages, keep_house, nudge_due_stages
from events.models import DeduplicationKey, DeliveryJob, DiscardedRequests, RouteJob
from events.storage.partitions import PREFIXES, ensure_partitions
from events.tests.plane import change, make_plane
from events.tests.seed import Project, build_request, id_at, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import first_id_at

OLDEST = datetime(2019, 3, 10, tzinfo=UTC)
FAR = datetime(2040, 3, 10, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def partitions(of: str = "requests") -> list[str]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", [of]
        )
        return [row[0] for row in cursor.fetchall()]


def far(names: list[str]) -> list[str]:
    return [name for name in names if "_2040" in name]


def test_partitions_are_made_from_yesterday_to_a_week_ahead_and_only_once(db: None) -> None:
    made = ensure_partitions(now=FAR)
    days = [f"{FAR + offset * DAY:%Y%m%d}" for offset in range(-1, 8)]
    assert sorted(made) == sorted(f"{table}_{day}" for table in PREFIXES for day in days)
    assert far(partitions()) == [f"requests_{day}" for day in days]
    assert ensure_partitions(now=FAR) == []


def test_makers_that_run_at_once_do_not_disturb_each_other(transactional_db: None) -> None:
    def make(_: int) -> list[str]:
        try:
            return ensure_partitions(now=FAR, days_ahead=1, days_back=0)
        finally:
            database.close()

    try:
        with ThreadPoolExecutor(3) as threads:
            made = [name for names in threads.map(make, range(3)) for name in names]
        assert sorted(made) == sorted(f"{table}_{day}" for table in PREFIXES for day in ("20400310", "20400311"))
    finally:
        with database.cursor() as cursor:
            for table in PREFIXES:
                cursor.execute(f"DROP TABLE IF EXISTS {table}_20400310, {table}_20400311")


def test_a_row_lies_in_the_partition_of_its_ids_day(team: Project) -> None:
    ensure_partitions(now=FAR)
    midnight = FAR.replace(hour=0, minute=0)
    for at, name in (
        (midnight, "requests_20400310"),
        (midnight - timedelta(milliseconds=1), "requests_20400309"),
        (midnight + DAY - timedelta(milliseconds=1), "requests_20400310"),
    ):
        row = make_request(team, at)
        with database.cursor() as cursor:
            cursor.execute("SELECT tableoid::regclass::text FROM requests WHERE id = %s", [row.id])
            assert cursor.fetchone() == (name,)


def test_a_row_beyond_the_last_partition_is_refused(team: Project) -> None:
    with pytest.raises(IntegrityError, match="no partition"), transaction.atomic():
        build_request(team, FAR).save(force_insert=True)


def test_a_lookup_by_a_range_of_ids_touches_one_partition(team: Project) -> None:
    ensure_partitions(now=FAR)
    bounds = [first_id_at("req", FAR), first_id_at("req", FAR + timedelta(hours=1))]
    with database.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) SELECT * FROM requests WHERE id >= %s AND id < %s", bounds)
        plan = json.dumps(cursor.fetchone()[0])
    assert "requests_20400310" in plan
    assert "requests_20400311" not in plan


def test_windows_that_are_over_are_deleted_in_pages(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "_PAGE", 3)
    now = utc_now()
    for number in range(8):
        at = now - timedelta(seconds=1) if number < 7 else now + timedelta(hours=1)
        DeduplicationKey.objects.create(connection_id="conn_1", key=bytes([number]), request_id="req_1", expires_at=at)
    assert _delete_in_pages("deduplication_key", "expires_at < now()") == 7
    assert bytes(DeduplicationKey.objects.get().key) == b"\x07"


@pytest.mark.usefixtures("shifted_clock")
def test_keeping_house_makes_drops_and_sweeps(team: Project, settings: Any) -> None:
    settings.RETENTION_DAYS_BY_TABLE = dict.fromkeys(PREFIXES, 30)
    now = utc_now()
    for age, cause in ((31, "OLD"), (29, "YOUNG")):
        DiscardedRequests.objects.create(
            team_id=team.team.id, source_id=team.source.id, minute=now - age * DAY, rejection_cause=cause, count=1
        )
    # A run drops the oldest day there is.
    ensure_partitions(now=OLDEST, days_ahead=0, days_back=0)
    keep_house(now=now)
    assert DiscardedRequests.objects.get().rejection_cause == "YOUNG"
    assert f"requests_{OLDEST:%Y%m%d}" not in partitions()
    assert f"requests_{now + 7 * DAY:%Y%m%d}" in partitions()


def test_a_chore_that_fails_leaves_the_others_alone(team: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> list[str]:
        raise RuntimeError("a partition of another shape")

    now = utc_now()
    monkeypatch.setattr(housekeeping, "ensure_partitions", fail)
    DeduplicationKey.objects.create(connection_id="conn_x", key=b"k", request_id="req_x", expires_at=now - DAY)
    with capture_logs() as logs:
        keep_house(now=now)
    assert [line["chore"] for line in logs if line["event"] == "housekeeping.chore_failed"] == ["partitions_made"]
    assert not DeduplicationKey.objects.exists()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    stages: list[str] = []
    monkeypatch.setattr(housekeeping, "insist", stages.append)
    return stages


def test_a_tick_with_nothing_to_do_wakes_nobody(team: Project, woken: list[str]) -> None:
    RouteJob.objects.create(request_id="req_1", source_id="src_1", body_size=0, due_at=utc_now() + timedelta(hours=1))
    nudge_due_stages()
    assert woken == []


def test_a_tick_wakes_the_stages_that_have_something_due(team: Project, woken: list[str]) -> None:
    now = utc_now()
    RouteJob.objects.create(
        request_id=id_at("req", now), source_id="src_1", body_size=0, due_at=now - timedelta(seconds=1)
    )
    nudge_due_stages()
    DeliveryJob.objects.create(event_id="evt_1", rank=1, due_at=now, attempt_number=1, trigger="INITIAL", body_size=0)
    nudge_due_stages()
    RouteJob.objects.all().delete()
    change(team.destination, reconcile_requested_at=now)
    nudge_due_stages()
    assert woken == ["route", "route", "deliver", "deliver", "reconcile"]


def test_a_plane_is_there_to_be_settled_by_its_connection_too(transactional_db: None, woken: list[str]) -> None:
    change(make_plane().connection, reconcile_requested_at=utc_now())
    nudge_due_stages()
    assert woken == ["reconcile"]
