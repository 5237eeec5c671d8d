"""Metrics equal a naive count of the rows: over random evidence and questions, while rows come late and change late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from django.db import connection

from events.models import Event
from events.tests.plane import make_plane
from fasthook.lib.clock import utc_now
from metrics.rollups import counting
from metrics.rollups.counting import count_anew, roll_up
from metrics.rollups.state import counted_before
from metrics.tests.evidence import Evidence, answered, assert_equal_to_naive, table_counts

pytestmark = pytest.mark.usefixtures("transactional_db")
HOUR = timedelta(hours=1)


@pytest.fixture
def begin() -> datetime:
    """Yesterday has partitions, and all of it may be counted."""
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - 24 * HOUR


def make_evidence(seed: int, begin: datetime) -> Evidence:
    return Evidence(Random(seed), [make_plane("ours"), make_plane("theirs")], begin, begin + 6 * HOUR)


def ask(evidence: Evidence, times: int) -> None:
    for _ in range(times):
        assert_equal_to_naive(evidence.question())


@pytest.mark.parametrize("seed", range(6))
def test_answers_equal_a_naive_count_at_every_stage(
    seed: int, begin: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Folded in small parts, in no order: what takes a count away may come before what brought it.
    monkeypatch.setattr(counting, "_FOLD", 7)
    evidence = make_evidence(seed, begin)
    evidence.add(60)
    ask(evidence, 10)
    # Counted in stages, with rows that come and change before, between and after them.
    for until in sorted(begin + evidence.random.randrange(60, 420) * counting.spans.MINUTE for _ in range(3)):
        assert roll_up(now=until + counting.LAG, seconds=30)
        assert counted_before() == until
        ask(evidence, 10)
        evidence.change(15)
        evidence.add(10)
        ask(evidence, 10)
    assert roll_up(now=utc_now(), seconds=30)
    assert table_counts()["late"] == 0
    ask(evidence, 15)
    count_anew(begin + 3 * HOUR)
    ask(evidence, 5)
    assert roll_up(now=utc_now(), seconds=30)
    ask(evidence, 10)


def test_rollups_outlive_the_rows(begin: datetime) -> None:
    evidence = make_evidence(1, begin)
    evidence.add(50)
    questions = [evidence.question() for _ in range(20)]
    whole = [replace(question, start=begin, end=begin + 6 * HOUR, starts=[begin], filters={}) for question in questions]
    assert roll_up(now=utc_now(), seconds=30)
    before = [answered(question) for question in whole]
    drop_rows(begin)
    assert not Event.objects.exists()
    assert roll_up(now=utc_now(), seconds=30)
    assert [answered(question) for question in whole] == before
    assert any(before)


def drop_rows(day: datetime) -> None:
    """As retention does: no trigger of the whole table sees it."""
    with connection.cursor() as cursor:
        for table in ("requests", "events", "attempts"):
            cursor.execute(f"DELETE FROM {table}_{day:%Y%m%d}")
