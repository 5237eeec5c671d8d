"""Counting anew: by the command, and after history was seeded past the triggers."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from events.storage.replaced import history_replaced
from events.tests.plane import make_plane
from fasthook.lib.clock import utc_now
from metrics.rollups.counting import forget, roll_up
from metrics.rollups.state import counted_before, first_day
from metrics.tests.evidence import Evidence, assert_equal_to_naive, table_counts

DAY = timedelta(days=1)


@pytest.fixture
def begin() -> datetime:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - DAY


@pytest.fixture
def evidence(transactional_db: None, begin: datetime) -> Evidence:
    made = Evidence(Random(3), [make_plane("ours")], begin, begin + DAY / 4)
    made.add(30)
    assert roll_up(now=utc_now(), seconds=30)
    return made


def delete_past_the_triggers(day: datetime) -> None:
    with connection.cursor() as cursor:
        for table in ("requests", "events", "attempts"):
            cursor.execute(f"DELETE FROM {table}_{day:%Y%m%d} WHERE right(id, 1) < 'g'")


def test_what_no_trigger_saw_is_counted_anew_after_the_command(evidence: Evidence, begin: datetime) -> None:
    delete_past_the_triggers(begin)
    call_command("recount_metrics", since=f"{begin:%Y-%m-%dT%H:%M}")
    assert counted_before() == begin
    assert_all(evidence)
    assert roll_up(now=utc_now(), seconds=30)
    assert_all(evidence)


def test_seeded_history_is_counted_anew(evidence: Evidence, begin: datetime) -> None:
    delete_past_the_triggers(begin)
    history_replaced.send(None, since=begin)
    assert counted_before() == begin
    assert_all(evidence)


def test_days_that_are_counts_alone_are_not_thrown_away(evidence: Evidence) -> None:
    oldest = first_day(complete=True)
    assert oldest is not None
    before = counted_before()
    with pytest.raises(CommandError, match=f"evidence begins with {oldest:%Y-%m-%d}; what is older exists as counts"):
        call_command("recount_metrics", since=(oldest - DAY).isoformat())
    with pytest.raises(CommandError, match="--since: must be an ISO 8601 time"):
        call_command("recount_metrics", since="last week")
    assert counted_before() == before


def test_counts_that_are_over_their_time_are_forgotten(evidence: Evidence, begin: datetime) -> None:
    assert forget(before=begin) == 0
    assert forget(before=utc_now()) > 0
    assert table_counts() == {"minute": 0, "hour": 0, "late": 0}


@pytest.mark.parametrize(("days", "faults"), [(30, []), (29, ["fasthook.E003"])])
def test_counts_are_not_kept_shorter_than_the_evidence(days: int, faults: list[str]) -> None:
    kept = {"requests": 30, "events": 30, "attempts": 7}
    with override_settings(RETENTION_DAYS_BY_TABLE=kept, RETENTION_DAYS_METRICS=days):
        assert [found.id for found in run_checks() if str(found.id).startswith("fasthook.")] == faults


def assert_all(evidence: Evidence) -> None:
    for _ in range(10):
        assert_equal_to_naive(evidence.question())
