"""The audit log with many entries: every filter is answered by an index, and retention takes what is over its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from events.housekeeping import keep_house
from events.tests.explaining import explained
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import first_id_at
from fasthook.testing import ApiCaller, caller_for
from teams.models import AuditEntry

ENTRIES = 6000
RARE = 1000


@pytest.fixture
def full(team: Project, other_team: Project) -> ApiCaller:
    """A thousandth of the entries has the rare action, resource and actor; half of all belong to another team."""
    newest = first_id_at("aud", utc_now())[:-8]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO teams_auditentry (id, team_id, action, actor_type, actor_id, actor_label, resource_type,
                                          resource_id, resource_name)
            SELECT %s || lpad(n::text, 8, '0'), CASE n %% 2 WHEN 0 THEN %s ELSE %s END,
                   CASE n %% %s WHEN 0 THEN 'rare.done' ELSE 'event.retried' END, 'member',
                   CASE n %% %s WHEN 0 THEN 'usr_rare' ELSE 'usr_usual' END, '',
                   CASE n %% %s WHEN 0 THEN 'rare' ELSE 'event' END,
                   CASE n %% %s WHEN 0 THEN 'evt_rare' ELSE 'evt_' || n END, ''
            FROM generate_series(1, %s) AS n
            """,
            [newest, team.team.id, other_team.team.id, *[RARE] * 4, ENTRIES],
        )
        cursor.execute("ANALYZE teams_auditentry")
    return caller_for(team.team)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 3000),
        ("action=rare.done", 6),
        ("action=rare.done,none.done", 6),
        ("resource_type=rare", 6),
        ("resource_id=evt_rare", 6),
        ("actor=usr_rare", 6),
        ("actor=usr_rare&action=event.retried", 0),
    ],
)
def test_a_page_is_read_by_an_index(full: ApiCaller, query: str, found: int) -> None:
    with explained() as readings:
        page = full.get(f"audit?limit=10&{query}").json()
    assert page["total"] == found
    told = [each for each in readings if "teams_auditentry" in each.statement and "COUNT(*)" not in each.statement]
    assert told
    assert [each.sequential for each in told] == [set()] * len(told)
    assert sum(each.rows for each in told) <= 40


def test_what_is_over_its_time_is_deleted(team: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "RETENTION_DAYS_AUDIT", 100)
    now = utc_now()
    kept: list[Any] = []
    for days in (99, 101, 500):
        entry = AuditEntry(team_id=team.team.id, action="a.b", actor_type="system", resource_type="a")
        entry.id = first_id_at("aud", now - timedelta(days=days))
        entry.save(force_insert=True)
        kept.append(entry.id)
    keep_house(now=now)
    assert list(AuditEntry.objects.values_list("id", flat=True)) == kept[:1]
