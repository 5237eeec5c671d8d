"""Counting while others write: every change is counted once, whenever its transaction began and ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from events.models import Event
from events.tests.plane import make_plane
from fasthook.lib.clock import utc_now
from metrics.reading.question import Question
from metrics.rollups import counting
from metrics.rollups.counting import roll_up
from metrics.rollups.state import counted_before, first_day, only_counter
from metrics.spec.measures import EVENTS
from metrics.tests.evidence import Evidence, answered, assert_equal_to_naive, table_counts

pytestmark = pytest.mark.usefixtures("transactional_db")
HOUR = timedelta(hours=1)


@pytest.fixture
def begin() -> datetime:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - 24 * HOUR


@pytest.fixture
def evidence(begin: datetime) -> Evidence:
    made = Evidence(Random(7), [make_plane("ours"), make_plane("theirs")], begin, begin + 6 * HOUR)
    made.add(40)
    return made


@contextmanager
def another_session() -> Iterator[psycopg.Connection[Any]]:
    params = connection.get_connection_params()
    wanted = {key: params[key] for key in ("dbname", "user", "password", "host", "port") if params.get(key)}
    with psycopg.connect(**wanted) as session:
        yield session


def whole(evidence: Evidence, project: int = 0) -> Question:
    return Question(
        EVENTS,
        evidence.projects[project].team.id,
        evidence.begin,
        evidence.end,
        [evidence.begin],
        tuple(EVENTS.measures.values()),
    )


def ask(evidence: Evidence, times: int = 10) -> None:
    for number in (0, 1):
        assert_equal_to_naive(whole(evidence, number))
    for _ in range(times):
        assert_equal_to_naive(evidence.question())


def fail_all(session: psycopg.Connection[Any]) -> None:
    session.execute("UPDATE events SET status = 'FAILED', successful_at = NULL, ignored_cause = NULL")


def test_a_change_that_began_before_the_announcement_is_waited_for(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "PATIENCE_S", 0.1)
    with another_session() as session:
        fail_all(session)
        assert not roll_up(now=utc_now(), seconds=10)
        assert counted_before() == first_day(complete=False)
        ask(evidence)
        session.commit()
        ask(evidence)
    now = utc_now()
    assert roll_up(now=now, seconds=30)
    assert counted_before() == counting.spans.floor_to(now - counting.LAG, counting.spans.MINUTE)
    ask(evidence)


def test_a_change_that_is_under_way_while_its_minutes_are_counted_is_noted_for_later(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_seen = counting._writers_have_seen
    with another_session() as session:

        def begin_to_write_then_count(over_at: float) -> bool:
            seen = have_seen(over_at)
            fail_all(session)
            return seen

        monkeypatch.setattr(counting, "_writers_have_seen", begin_to_write_then_count)
        assert roll_up(now=utc_now(), seconds=30)
        assert table_counts()["late"] == 0
        ask(evidence)
        session.commit()
    assert table_counts()["late"] > 0
    ask(evidence)
    monkeypatch.undo()
    assert roll_up(now=utc_now(), seconds=30)
    assert table_counts()["late"] == 0
    ask(evidence)


def test_a_change_between_announcement_and_counting_is_not_counted_twice(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_seen = counting._writers_have_seen

    def write_then_count(over_at: float) -> bool:
        seen = have_seen(over_at)
        with another_session() as session:
            fail_all(session)
        assert table_counts()["late"] > 0
        return seen

    monkeypatch.setattr(counting, "_writers_have_seen", write_then_count)
    assert roll_up(now=utc_now(), seconds=30)
    assert table_counts()["late"] == 0
    ask(evidence)


def test_a_change_that_is_taken_back_was_never_there(evidence: Evidence) -> None:
    assert roll_up(now=utc_now(), seconds=30)
    before = answered(whole(evidence))
    with another_session() as session:
        fail_all(session)
        session.rollback()
    assert answered(whole(evidence)) == before
    assert table_counts()["late"] == 0


def test_only_one_counts_at_a_time(evidence: Evidence) -> None:
    others: list[bool] = []

    def count() -> None:
        with only_counter() as mine:
            others.append(mine)
        connection.close()

    with only_counter() as mine:
        assert mine
        thread = threading.Thread(target=count)
        thread.start()
        thread.join()
    assert others == [False]


def test_answers_are_exact_while_writers_and_the_counter_are_at_work(evidence: Evidence) -> None:
    over_at = time.monotonic() + 4
    faults: list[BaseException] = []

    def work(task: Any) -> None:
        try:
            while time.monotonic() < over_at:
                task()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    def writer(seed: int) -> Any:
        mine = Evidence(Random(seed), evidence.projects, evidence.begin, evidence.end)

        def write() -> None:
            with transaction.atomic():
                mine.add(2)
                # In the order of ids, as the product writes: two writers never wait for each other.
                chosen = sorted(mine.random.sample(ids, 10))
                list(Event.objects.filter(id__in=chosen).order_by("id").select_for_update().values_list("id"))
                status = mine.random.choice(["QUEUED", "HOLD", "SCHEDULED"])
                Event.objects.filter(id__in=chosen).update(
                    status=status, ignored_cause=None, successful_at=None, next_attempt_at=None
                )

        return write

    def count() -> None:
        moment = evidence.begin + Random(time.monotonic_ns()).random() * 8 * HOUR
        roll_up(now=moment, seconds=5)

    ids = list(Event.objects.values_list("id", flat=True))
    threads = [threading.Thread(target=work, args=(task,)) for task in (writer(1), writer(2), count)]
    for thread in threads:
        thread.start()
    asked = 0
    while time.monotonic() < over_at:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            ask(evidence, 1)
        asked += 1
    for thread in threads:
        thread.join()
    assert faults == []
    assert asked > 3
    assert roll_up(now=utc_now(), seconds=30)
    ask(evidence)
    assert table_counts()["late"] == 0
