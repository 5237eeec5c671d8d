"""What a question about one owner reads of a team that has many: that owner's minutes, not everybody's."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from events.tests.explaining import explained
from events.tests.plane import make_plane
from fasthook.lib.clock import utc_now
from metrics.reading.answering import answer
from metrics.reading.question import Question
from metrics.spec.measures import ATTEMPTS, EVENTS, REQUESTS, Resource

pytestmark = pytest.mark.django_db
OWNERS = 30
HOURS = 3
MINUTES = 60 * HOURS
_STEPS = ("minute", "hour")


@pytest.fixture
def begin() -> datetime:
    return utc_now().replace(minute=0, second=0, microsecond=0) - (HOURS + 2) * timedelta(hours=1)


@pytest.fixture
def team_id(begin: datetime) -> str:
    """A team of many owners, one event a minute each, all of it counted."""
    team_id = make_plane("ours").team.id
    with connection.cursor() as cursor:
        for step, every in zip(_STEPS, ("1 minute", "1 hour"), strict=True):
            times = f"""FROM generate_series(%(begin)s, %(begin)s + interval '{HOURS} hours' - interval '{every}',
                interval '{every}') AS times (at), generate_series(1, {OWNERS}) AS owners (number)"""
            params = {"begin": begin, "team": team_id}
            cursor.execute(
                f"INSERT INTO metrics_requests_{step} (at, team_id, source_id, status, n)"
                f" SELECT at, %(team)s, 'src_' || number, 'accepted', 1 {times}",
                params,
            )
            cursor.execute(
                f"INSERT INTO metrics_events_{step}"
                " (at, team_id, connection_id, source_id, destination_id, status, ignored, n, attempts)"
                " SELECT at, %(team)s, 'conn_' || number, 'src_' || number, 'des_' || number, 'SUCCESSFUL', false, 1, 1"
                f" {times}",
                params,
            )
            cursor.execute(
                f"INSERT INTO metrics_attempts_{step}"
                " (at, team_id, connection_id, destination_id, status, n, latency_sum, latency_max, bins, counts)"
                " SELECT at, %(team)s, 'conn_' || number, 'des_' || number, 'SUCCESSFUL', 1, 9, 9, '{9}', '{1}'"
                f" {times}",
                params,
            )
            cursor.execute(f"ANALYZE metrics_requests_{step}, metrics_events_{step}, metrics_attempts_{step}")
        cursor.execute(
            "INSERT INTO metrics_rollup (counted_before, late_before) VALUES (%s, '')",
            [begin + HOURS * timedelta(hours=1)],
        )
    return team_id


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        (REQUESTS, "source_id"),
        (EVENTS, "source_id"),
        (EVENTS, "connection_id"),
        (EVENTS, "destination_id"),
        (ATTEMPTS, "connection_id"),
        (ATTEMPTS, "destination_id"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_one_owner_is_read_without_the_others(team_id: str, begin: datetime, resource: Resource, owner: str) -> None:
    prefix = {"source_id": "src", "connection_id": "conn", "destination_id": "des"}[owner]
    question = Question(
        resource,
        team_id,
        begin,
        begin + HOURS * timedelta(hours=1),
        [begin + minute * timedelta(minutes=1) for minute in range(MINUTES)],
        (resource.measures["count"],),
        filters={owner: [f"{prefix}_7"]},
    )
    with explained() as readings:
        counted = answer(question)
    assert list(counted.sums["count"]) == [1] * MINUTES
    # The minutes, the rows of this owner, and little else.
    assert sum(reading.rows for reading in readings) < 3 * MINUTES
