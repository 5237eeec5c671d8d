"""What an evaluation and the claim really read, beside days of history and 5,000 past alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from alerts.evaluation.evaluate import evaluate_all
from alerts.models import Alert, AlertNotification
from alerts.outbox.rows import claim
from alerts.rules.types import RuleType
from alerts.tests.seed import make_channel, make_rule
from events.tests.explaining import ExplainingCursor, Reading, explained
from events.tests.seed import Project
from events.tests.seeded import History, history, readable  # noqa: F401 - fixtures
from fasthook.lib.clock import utc_now
from fasthook.testing import caller_for
from teams.models import Team

EVIDENCE = {"requests", "events", "attempts"}
PAST = 5_000


@pytest.fixture
def noon(readable: History) -> datetime:  # noqa: F811
    """In the middle of the seeded days."""
    return (utc_now() - timedelta(days=4)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def watched(readable: History) -> Iterator[Project]:  # noqa: F811
    """The seeded team with a rule of every kind that reads evidence, and all that is past."""
    team = Team.objects.get(id=readable.team_id)
    project: Any = type("Owner", (), {"team": team})()
    make_rule(project, RuleType.FAILURE_RATE, config={"threshold": 5, "window_s": 3600, "min_count": 1})
    make_rule(project, RuleType.FAILURE_RATE, config={"threshold": 50, "window_s": 6 * 3600})
    make_rule(project, RuleType.REJECTED_REQUESTS, config={"threshold": 1, "window_s": 3600})
    make_rule(project, RuleType.BACKLOG, config={"threshold": 10})
    make_rule(project, RuleType.BACKLOG_AGE, config={"threshold": 60})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_alert (id, team_id, rule_id, rule_type, object_type, object_id, object_name, status,"
            " value, summary, pending_at, opened_at, resolved_at) SELECT 'alt_' || number, %s, 'alr_1', 'BACKLOG',"
            " 'destination', 'des_1', '', 'RESOLVED', 1, '', now(), now(), now() FROM generate_series(1, %s) AS number",
            [team.id, PAST],
        )
        cursor.execute(
            "INSERT INTO alerts_notification (id, team_id, channel_id, channel_type, rule_id, kind, alert_ids, message,"
            " status, due_at, attempts, created_at)"
            " SELECT 'anf_0' || number, %s, 'ach_1', 'WEBHOOK', 'alr_1', 'OPENED',"
            " ARRAY['alt_' || number], '{}', 'SENT', now(), 1, now() FROM generate_series(1, %s) AS number",
            [team.id, PAST],
        )
        cursor.execute("ANALYZE alerts_alert, alerts_notification, alerts_rule, delivery_job")
    return project


def test_an_evaluation_reads_what_failed_lately_and_little_else(watched: Project, noon: datetime) -> None:
    with explained() as readings:
        done = evaluate_all(now=noon)
    assert done is not None
    assert done.notifications == 0
    assert Alert.objects.filter(status="PENDING").count() + done.opened > 0
    for reading in readings:
        assert not any(table.rpartition("_")[0] in EVIDENCE for table in reading.sequential), reading.statement
        assert not reading.sequential & {"alerts_alert", "alerts_notification", "delivery_job"}, reading.statement
        days = {table.rpartition("_")[2] for table in reading.partitions}
        assert days <= {f"{noon - timedelta(hours=hours):%Y%m%d}" for hours in (0, 12)}, reading.statement
    # Of 4,000 events a day, a quarter of a day; what failed of them, and as many again as could make a difference.
    assert sum(reading.evidence_rows for reading in readings) < 2500


def test_a_claim_reads_what_waits_and_not_the_past(watched: Project, noon: datetime) -> None:
    channel = make_channel(watched, next_slot_at=noon)
    for number in range(5):
        AlertNotification.objects.create(
            id=f"anf_1{number}",
            team_id=watched.team.id,
            channel_id=channel.id,
            channel_type="WEBHOOK",
            rule_id="alr_1",
            kind="OPENED",
            message={},
            status="PENDING",
            due_at=noon,
            created_at=noon,
        )
    raw = connection.connection
    ordinary, raw.cursor_factory = raw.cursor_factory, ExplainingCursor
    ExplainingCursor.readings.clear()
    try:
        assert [each.id for each in claim(raw, limit=8, now=noon)] == ["anf_10"]
    finally:
        raw.cursor_factory = ordinary
    (reading,) = ExplainingCursor.readings
    assert "alerts_notification" not in reading.sequential
    assert reading.rows < 100


ALERT_LISTS = (
    *("", "status=OPEN", "status=OPEN,RESOLVED", "rule_id=alr_1", "object_id=des_1"),
    "status=RESOLVED&rule_type=BACKLOG",
)
NOTIFICATION_LISTS = ("", "channel_id=ach_1", "rule_id=alr_1", "alert_id=alt_7", "status=SENT")


def test_lists_answer_from_an_index(watched: Project) -> None:
    for query in ALERT_LISTS:
        check_list(watched, f"alerts?{query}")
    for query in NOTIFICATION_LISTS:
        check_list(watched, f"alerts/notifications?{query}")


def check_list(project: Project, path: str) -> None:
    with explained() as readings:
        answer = caller_for(project.team).get(path)
    assert answer.status_code == 200, answer.json()
    pages: list[Reading] = [each for each in readings if "COUNT(" not in each.statement]
    for reading in pages:
        assert not reading.sequential & {"alerts_alert", "alerts_notification"}, reading.statement
        assert reading.rows < 1000, reading.statement
