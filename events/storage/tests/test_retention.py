"""Retention: which days of which table go, how fast, what becomes of work waiting there, what is refused at start."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.checks import Error
from django.db import connection as database
from structlog.testing import capture_logs

from events.models import Attempt, DeliveryJob, Event, Request
from events.storage import partitions
from events.storage.checks import check_retention
from events.storage.partitions import PREFIXES, ensure_partitions
from events.storage.retention import drop_expired
from events.tests.seed import Project, make_attempt, make_event, make_request

OLD = datetime(2020, 5, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EQUAL = dict.fromkeys(PREFIXES, 30)


@pytest.fixture
def three_days(team: Project) -> list[tuple[Request, Event, Attempt]]:
    """One request, event and attempt on each of 10, 11 and 12 May 2020."""
    ensure_partitions(now=OLD, days_ahead=2, days_back=0)
    made = []
    for day in range(3):
        request = make_request(team, OLD + day * DAY)
        event = make_event(request, team, OLD + day * DAY, status="SUCCESSFUL", successful_at=OLD)
        made.append((request, event, make_attempt(event, OLD + day * DAY)))
    return made


def drop_all(now: datetime, retention_days: dict[str, int] = EQUAL) -> list[str]:
    dropped: list[str] = []
    while some := drop_expired(now=now, retention_days=retention_days):
        dropped += some
    return dropped


def test_whole_days_go_with_their_rows_and_nothing_younger(three_days: list[tuple[Request, Event, Attempt]]) -> None:
    assert sorted(drop_all(OLD + 31 * DAY)) == [f"{table}_20200510" for table in sorted(PREFIXES)]
    assert list(Request.objects.values_list("id", flat=True).order_by("id")) == [row[0].id for row in three_days[1:]]
    assert Event.objects.count() == Attempt.objects.count() == 2


def test_each_table_has_its_own_time(three_days: list[tuple[Request, Event, Attempt]]) -> None:
    drop_all(OLD + 31 * DAY, {**EQUAL, "requests": 31, "events": 30, "attempts": 29})
    assert (Request.objects.count(), Event.objects.count(), Attempt.objects.count()) == (3, 2, 1)


def test_a_run_drops_one_day_of_each_table_the_oldest_first(three_days: list[tuple[Request, Event, Attempt]]) -> None:
    """A number that was lowered by mistake does not cost the history within one run."""
    days = [drop_expired(now=OLD + 60 * DAY, retention_days=EQUAL) for _ in range(4)]
    assert [sorted({name[-8:] for name in names}) for names in days] == [["20200510"], ["20200511"], ["20200512"], []]


def test_what_is_dropped_is_told_with_its_size_and_what_is_left(
    three_days: list[tuple[Request, Event, Attempt]],
) -> None:
    with database.cursor() as cursor:
        cursor.execute("ANALYZE requests_20200510")
    with capture_logs() as logs:
        drop_expired(now=OLD + 60 * DAY, retention_days=EQUAL)
    (told,) = [line for line in logs if line.get("partition") == "requests_20200510"]
    assert (told["event"], told["rows"], told["days_left_to_drop"]) == ("partition.dropped", 1, 2)
    assert told["bytes"] > 8192


def test_work_that_waits_on_a_dropped_day_ends_and_is_told(team: Project) -> None:
    ensure_partitions(now=OLD, days_ahead=1, days_back=0)
    gone, kept = (make_event(make_request(team, at), team, at) for at in (OLD, OLD + DAY))
    held = make_event(make_request(team, OLD), team, OLD, status="HOLD")
    for event, rank, token in ((gone, 2, None), (kept, 2, None)):
        DeliveryJob.objects.create(
            event_id=event.id,
            rank=rank,
            due_at=OLD,
            attempt_number=1,
            trigger="INITIAL",
            body_size=0,
            lease_token=token,
        )
    with capture_logs() as logs:
        drop_all(OLD + 31 * DAY)
    assert list(DeliveryJob.objects.values_list("event_id", flat=True)) == [kept.id]
    assert not Event.objects.filter(id=held.id).exists()
    (told,) = [line for line in logs if line["event"] == "events.expired_waiting"]
    assert (told["jobs"], told["held"], told["log_level"]) == (1, 1, "warning")


def test_work_ends_with_its_own_day_and_no_sooner(team: Project) -> None:
    """A number that was lowered by mistake does not cost what waits on days that are still there."""
    ensure_partitions(now=OLD, days_ahead=2, days_back=0)
    waiting = [make_event(make_request(team, OLD + day * DAY), team, OLD + day * DAY) for day in range(3)]
    for event in waiting:
        DeliveryJob.objects.create(
            event_id=event.id, rank=2, due_at=OLD, attempt_number=1, trigger="INITIAL", body_size=0
        )
    for left in (2, 1, 0):
        drop_expired(now=OLD + 60 * DAY, retention_days=EQUAL)
        there = sorted(Event.objects.values_list("id", flat=True))
        assert len(there) == left
        assert sorted(DeliveryJob.objects.values_list("event_id", flat=True)) == there


def test_waiting_work_is_not_told_of_when_there_is_none(three_days: list[tuple[Request, Event, Attempt]]) -> None:
    with capture_logs() as logs:
        drop_all(OLD + 31 * DAY)
    assert [line for line in logs if line["event"] == "events.expired_waiting"] == []


def test_dropping_outside_a_transaction_lets_readers_go_on(transactional_db: None) -> None:
    ensure_partitions(now=OLD, days_ahead=0, days_back=0)
    assert len(drop_all(OLD + 31 * DAY)) == len(PREFIXES)


def test_a_long_read_is_not_waited_for_and_its_day_goes_later(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump that takes an hour would keep all threads of the maintenance worker, one each ten minutes."""
    monkeypatch.setattr(partitions, "LOCK_WAIT_MS", 100)
    ensure_partitions(now=OLD, days_ahead=0, days_back=0)
    dump = database.copy()
    with ThreadPoolExecutor(1) as pool, capture_logs() as logs:
        try:
            dump.set_autocommit(False)
            with dump.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM requests")
            dropped = pool.submit(in_a_thread, lambda: drop_expired(now=OLD + 31 * DAY, retention_days=EQUAL))
            assert sorted(dropped.result(timeout=10)) == [
                f"{table}_20200510" for table in sorted(PREFIXES) if table != "requests"
            ]
        finally:
            dump.close()
    assert [line["partition"] for line in logs if line["event"] == "partition.drop_postponed"] == ["requests_20200510"]
    assert drop_all(OLD + 31 * DAY) == ["requests_20200510"]
    with database.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def in_a_thread(work: Callable[[], list[str]]) -> list[str]:
    try:
        return work()
    finally:
        database.close()


@pytest.mark.parametrize(
    ("days", "ids", "named"),
    [
        ({"requests": 30, "events": 30, "attempts": 30}, [], ""),
        ({"requests": 90, "events": 30, "attempts": 7}, [], ""),
        ({"requests": 7, "events": 30, "attempts": 7}, ["fasthook.E002"], "RETENTION_DAYS_REQUESTS to 30"),
        ({"requests": 30, "events": 7, "attempts": 30}, ["fasthook.E002"], "RETENTION_DAYS_EVENTS to 30"),
        ({"requests": 30, "events": 30, "attempts": 0}, ["fasthook.E001"], "at least 1"),
    ],
)
def test_retention_that_would_orphan_evidence_is_refused_at_start(
    settings: Any, days: dict[str, int], ids: list[str], named: str
) -> None:
    settings.RETENTION_DAYS_BY_TABLE = days
    found = check_retention()
    assert [(type(message), message.id) for message in found] == [(Error, name) for name in ids]
    assert named in "".join(str(message.hint) for message in found)
