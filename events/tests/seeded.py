"""Seeded history for tests of plans, so that the planner sees skew: 24,000 events of one team over six days, a few of
another. The fixtures reach tests by conftest.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from connections.models import Connection
from destinations.models import Destination
from events.models import Attempt, Event
from events.tests.seed import Project, make_project
from fasthook.lib.clock import utc_now
from seeding.loading import load_stretch
from seeding.routes import PREFIX, ensure_routes
from seeding.rows import COLUMNS as TABLES
from seeding.rows import Stretch
from sources.models import Source
from teams.models import AuditEntry, Team

DAYS = 6
PER_DAY = 4000


@dataclass(frozen=True)
class History:
    """The seeded team. `names` stand for ids in the table of cases: `{orders}`, `{orders-1}`, `{event}`."""

    team_id: str
    names: dict[str, str]

    def fill(self, params: dict[str, str]) -> dict[str, str]:
        return {key: text.format_map(self.names) for key, text in params.items()}


@pytest.fixture(scope="module")
def history(django_db_setup: None, django_db_blocker: Any) -> Iterable[History]:
    """Committed once for the module, and taken away after it."""
    with django_db_blocker.unblock():
        now = utc_now()
        projects = [make_project(name, now=now) for name in ("big", "small")]
        for project, per_day in zip(projects, (PER_DAY, PER_DAY // 20), strict=True):
            _load(project, now, per_day=per_day)
        described = _describe(projects[0])
        connection.close()
    yield described
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            for age in range(2, 2 + DAYS):
                for table in TABLES:
                    cursor.execute(f"DROP TABLE {table}_{now - age * timedelta(days=1):%Y%m%d}")
        for model in (Connection, Destination, Source, Team, AuditEntry):
            model._default_manager.all().delete()
        connection.close()


def _load(project: Project, now: datetime, *, per_day: int) -> None:
    """Days that have no partitions yet, so that they are built as seed_history builds them."""
    routes = ensure_routes(project.team, base_url="http://127.0.0.1:1", now=now - timedelta(days=4))
    for age in range(2, 2 + DAYS):
        day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=age)
        first_ms = int(day.timestamp() * 1000)
        stretch = Stretch(day, first_ms, first_ms + 86_400_000 - 1, per_day, with_retired=age > 4)
        load_stretch(connection.connection, routes, stretch, seed="1", loaded=lambda _: None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE requests, events, attempts")


def _describe(project: Project) -> History:
    names = {}
    for model, prefix in ((Source, ""), (Connection, ""), (Destination, "to-")):
        for row in model.objects.filter(team=project.team, name__startswith=PREFIX):
            names[prefix + row.name.removeprefix(PREFIX)] = row.id
    event = Event.objects.filter(team_id=project.team.id, attempts__gt=1).order_by("id")[5]
    attempt = Attempt.objects.get(event_id=event.id, attempt_number=1)
    names |= {"event": event.id, "request": event.request_id, "attempt": attempt.id}
    return History(project.team.id, names)


@pytest.fixture
def readable(history: History, db: None) -> History:
    return history
