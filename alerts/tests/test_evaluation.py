"""One look at all rules: alerts and notifications in one commit, few statements, nothing lost or doubled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from alerts.evaluation import evaluate
from alerts.evaluation.evaluate import Evaluation, evaluate_all
from alerts.models import Alert, AlertChannel, AlertNotification, AlertRule
from alerts.outbox.rows import MAX_WAITING
from alerts.rules.types import RuleType
from alerts.tests.seed import make_attempts, make_channel, make_jobs, make_rule
from connections.models import Connection
from destinations.models import Destination
from events.models import DeliveryJob
from events.tests.seed import Project, make_request

pytestmark = pytest.mark.usefixtures("nudges")
MINUTE = timedelta(minutes=1)


def late(project: Project, **values: Any) -> AlertRule:
    return make_rule(project, RuleType.BACKLOG, config={"threshold": 5}, **values)


def kinds(**filters: Any) -> list[str]:
    return list(AlertNotification.objects.filter(**filters).order_by("id").values_list("kind", flat=True))


def test_an_alert_opens_is_told_of_resolves_and_is_told_of(project: Project, now: datetime, nudges: list[str]) -> None:
    channel = make_channel(project)
    rule = late(project, channel_ids=[channel.id])
    make_jobs(project, 6, now)
    assert evaluate_all(now=now) == Evaluation(opened=1, resolved=0, notifications=1)
    assert nudges == ["notify"]
    alert = Alert.objects.get()
    assert (alert.team_id, alert.rule_id, alert.rule_type) == (project.team.id, rule.id, "BACKLOG")
    assert (alert.object_type, alert.object_id) == ("destination", project.destination.id)
    assert (alert.status, alert.value, alert.opened_at, alert.notified_at) == ("OPEN", 6.0, now, now)
    assert alert.summary == "destination destination: 6 events wait (threshold 5)"
    [opened] = AlertNotification.objects.all()
    assert (opened.status, opened.kind, opened.channel_id, opened.rule_id) == ("PENDING", "OPENED", channel.id, rule.id)
    assert opened.alert_ids == [alert.id]
    assert opened.message["type"] == "alert.opened"
    assert opened.message["data"]["team"] == {"id": project.team.id, "name": "team"}
    assert opened.message["data"]["alerts"][0]["object"] == {
        "type": "destination",
        "id": project.destination.id,
        "name": "destination",
    }
    assert evaluate_all(now=now + MINUTE) == Evaluation(0, 0, 0)
    DeliveryJob.objects.all().delete()
    assert evaluate_all(now=now + 2 * MINUTE) == Evaluation(opened=0, resolved=1, notifications=1)
    alert.refresh_from_db()
    assert (alert.status, alert.resolved_at, alert.resolution) == ("RESOLVED", now + 2 * MINUTE, "RECOVERED")
    assert kinds() == ["OPENED", "RESOLVED"]
    assert evaluate_all(now=now + 3 * MINUTE) == Evaluation(0, 0, 0)


def test_the_next_time_is_another_alert(project: Project, now: datetime) -> None:
    late(project)
    for minute in range(2):
        make_jobs(project, 6, now)
        evaluate_all(now=now + 2 * minute * MINUTE)
        DeliveryJob.objects.all().delete()
        evaluate_all(now=now + (2 * minute + 1) * MINUTE)
    assert list(Alert.objects.values_list("status", flat=True)) == ["RESOLVED", "RESOLVED"]


def test_a_pending_alert_that_comes_to_nothing_is_deleted(project: Project, now: datetime) -> None:
    late(project, for_s=60)
    make_jobs(project, 6, now)
    assert evaluate_all(now=now) == Evaluation(0, 0, 0)
    assert Alert.objects.get().status == "PENDING"
    DeliveryJob.objects.all().delete()
    evaluate_all(now=now + MINUTE)
    assert not Alert.objects.exists()


def test_alerts_of_different_kinds_go_on_together(project: Project, now: datetime) -> None:
    late(project)
    make_rule(project, RuleType.CONNECTION_DISABLED)
    make_rule(project, RuleType.REJECTED_REQUESTS, config={"threshold": 1})
    make_rule(project, RuleType.FAILURE_RATE)
    make_jobs(project, 6, now)
    make_attempts(project, now - MINUTE, failed=30)
    make_request(project, now - MINUTE, status="rejected", rejection_cause="SOURCE_AUTH_FAILED")
    Connection.objects.filter(id=project.connection.id).update(disabled_at=now)
    assert evaluate_all(now=now) == Evaluation(opened=4, resolved=0, notifications=0)
    Connection.objects.filter(id=project.connection.id).update(disabled_at=None)
    assert evaluate_all(now=now + MINUTE) == Evaluation(opened=0, resolved=1, notifications=0)
    assert sorted(Alert.objects.filter(status="OPEN").values_list("value", flat=True)) == [1.0, 6.0, 100.0]


def test_a_disabled_or_deleted_rule_ends_what_is_open(project: Project, now: datetime) -> None:
    channel = make_channel(project)
    off, gone = late(project, channel_ids=[channel.id]), late(project)
    make_jobs(project, 6, now)
    assert evaluate_all(now=now) == Evaluation(opened=2, resolved=0, notifications=1)
    AlertRule.objects.filter(id=off.id).update(disabled_at=now)
    AlertRule.objects.filter(id=gone.id).update(deleted_at=now)
    assert evaluate_all(now=now + MINUTE) == Evaluation(opened=0, resolved=2, notifications=1)
    assert dict(Alert.objects.values_list("rule_id", "resolution")) == {
        off.id: "RULE_DISABLED",
        gone.id: "RULE_DELETED",
    }


def test_alerts_of_a_team_that_is_gone_end(project: Project, now: datetime) -> None:
    rule = late(project)
    make_jobs(project, 6, now)
    evaluate_all(now=now)
    AlertRule.objects.filter(id=rule.id).delete()
    evaluate_all(now=now + MINUTE)
    assert Alert.objects.get().resolution == "RULE_DELETED"


def test_an_open_alert_is_repeated_until_somebody_acknowledges_it(project: Project, now: datetime) -> None:
    channel = make_channel(project)
    late(project, channel_ids=[channel.id], repeat_after_s=600)
    make_jobs(project, 6, now)
    for minutes in (0, 5, 10, 15, 20):
        evaluate_all(now=now + minutes * MINUTE)
    assert kinds() == ["OPENED", "REPEATED", "REPEATED"]
    Alert.objects.update(acknowledged_at=now, acknowledged_by="somebody")
    evaluate_all(now=now + 40 * MINUTE)
    assert len(kinds()) == 3


def test_what_opened_while_it_was_muted_is_told_when_the_mute_ends(project: Project, now: datetime) -> None:
    channel = make_channel(project)
    late(project, channel_ids=[channel.id], muted_until=now + 10 * MINUTE)
    make_jobs(project, 6, now)
    assert evaluate_all(now=now) == Evaluation(opened=1, resolved=0, notifications=0)
    assert evaluate_all(now=now + 10 * MINUTE) == Evaluation(opened=0, resolved=0, notifications=1)
    assert kinds() == ["OPENED"]


def test_many_objects_of_a_rule_are_one_notification(project: Project, now: datetime) -> None:
    channel, second = make_channel(project), make_channel(project, type="EMAIL", config={"to": ["a@example.com"]})
    make_rule(project, RuleType.DESTINATION_DISABLED, channel_ids=[channel.id, second.id])
    for number in range(60):
        Destination.objects.create(team=project.team, name=f"d{number}", url="https://example.com", disabled_at=now)
    assert evaluate_all(now=now) == Evaluation(opened=60, resolved=0, notifications=2)
    for notification in AlertNotification.objects.all():
        assert (len(notification.alert_ids), notification.message["data"]["alert_count"]) == (60, 60)
        assert len(notification.message["data"]["alerts"]) == 50


def test_channels_that_are_off_deleted_or_of_another_team_are_not_told(
    project: Project, other_project: Project, now: datetime
) -> None:
    ids = [
        make_channel(project, disabled_at=now).id,
        make_channel(project, deleted_at=now).id,
        make_channel(other_project).id,
        "ach_unknown",
    ]
    late(project, channel_ids=ids)
    make_jobs(project, 6, now)
    assert evaluate_all(now=now) == Evaluation(opened=1, resolved=0, notifications=0)
    AlertChannel.objects.filter(id=ids[0]).update(disabled_at=None)
    assert evaluate_all(now=now + MINUTE) == Evaluation(opened=0, resolved=0, notifications=1)


def test_what_a_full_channel_is_not_told_is_kept_as_dropped(project: Project, now: datetime) -> None:
    channel = make_channel(project)
    rule = late(project, channel_ids=[channel.id])
    waiting = AlertNotification(
        team_id=project.team.id,
        channel_id=channel.id,
        channel_type="WEBHOOK",
        rule_id=rule.id,
        kind="OPENED",
        message={},
        status="PENDING",
        due_at=now,
        created_at=now,
    )
    AlertNotification.objects.bulk_create(_copy(waiting, f"anf_{number}") for number in range(MAX_WAITING))
    make_jobs(project, 6, now)
    assert evaluate_all(now=now) == Evaluation(opened=1, resolved=0, notifications=0)
    [dropped] = AlertNotification.objects.filter(status="DROPPED")
    assert (dropped.error_code, dropped.kind) == ("CHANNEL_FULL", "OPENED")


def _copy(row: AlertNotification, identifier: str) -> AlertNotification:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return AlertNotification(**{**values, "id": identifier})


def test_a_condition_that_takes_too_long_leaves_its_alerts_and_no_others(
    project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(project)
    make_rule(project, RuleType.FAILURE_RATE)
    make_jobs(project, 6, now)
    make_attempts(project, now - MINUTE, failed=30)
    assert evaluate_all(now=now) == Evaluation(opened=2, resolved=0, notifications=0)

    def too_long(*, now: datetime) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(1)")
        return []

    backlog = (RuleType.BACKLOG, RuleType.BACKLOG_AGE)
    conditions = {**evaluate._CONDITIONS, backlog: too_long}
    monkeypatch.setattr(evaluate, "_CONDITIONS", conditions)
    assert evaluate_all(now=now + 30 * MINUTE) == Evaluation(opened=0, resolved=1, notifications=0)
    assert dict(Alert.objects.values_list("rule_type", "status")) == {"BACKLOG": "OPEN", "FAILURE_RATE": "RESOLVED"}


def test_a_condition_that_breaks_off_stops_no_other(
    project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(project)
    make_jobs(project, 6, now)

    def broken(*, now: datetime) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return []

    conditions = {**evaluate._CONDITIONS, (RuleType.FAILURE_RATE,): broken}
    monkeypatch.setattr(evaluate, "_CONDITIONS", conditions)
    assert evaluate_all(now=now) == Evaluation(opened=1, resolved=0, notifications=0)


@pytest.mark.parametrize("resolve_threshold", [1e-300, 1e-320, 1e-17])
def test_a_rule_with_an_absurd_number_stops_no_other(
    project: Project, other_project: Project, now: datetime, resolve_threshold: float
) -> None:
    for each in (project, other_project):
        make_rule(each, RuleType.FAILURE_RATE)
        make_attempts(each, now - MINUTE, failed=30)
    AlertRule.objects.filter(team=other_project.team).update(resolve_threshold=resolve_threshold)
    assert evaluate_all(now=now) == Evaluation(opened=2, resolved=0, notifications=0)


def test_the_number_of_statements_does_not_grow_with_rules_and_teams(
    project: Project, other_project: Project, now: datetime
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            evaluate_all(now=now)
        return sum("SAVEPOINT" not in each["sql"] for each in captured)

    for each in (project, other_project):
        late(each, channel_ids=[make_channel(each).id])
        make_rule(each, RuleType.FAILURE_RATE)
    make_jobs(project, 6, now)
    few = statements()
    for each in (project, other_project):
        for _ in range(10):
            make_rule(each, RuleType.FAILURE_RATE, channel_ids=[make_channel(each).id])
            late(each, channel_ids=[make_channel(each).id])
        make_attempts(each, now - MINUTE, failed=30)
    make_jobs(other_project, 6, now)
    many = statements()
    assert Alert.objects.count() == 44
    # What must be updated, what may be told to whom, and failures that may be notifications, cost one each.
    assert few <= 20
    assert many <= few + 4


def test_a_second_evaluation_at_the_same_time_does_nothing(project: Project, now: datetime) -> None:
    late(project)
    make_jobs(project, 6, now)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [evaluate._EVALUATION_LOCK])
        assert evaluate_all(now=now) is None
    finally:
        other.close()
    assert not Alert.objects.exists()


def test_a_team_begins_with_rules_that_tell_nobody(now: datetime, db: None) -> None:
    from events.tests.seed import make_project

    project = make_project("fresh", now=now)
    rules = list(AlertRule.objects.filter(team=project.team).order_by("id"))
    assert [(rule.name, rule.type, rule.channel_ids) for rule in rules] == [
        ("failing-connection", "FAILURE_RATE", []),
        ("late-destination", "BACKLOG_AGE", []),
        ("rejecting-source", "REJECTED_REQUESTS", []),
        ("failed-bulk-operation", "BULK_OPERATION_FAILED", []),
    ]
    make_jobs(project, 1, now - timedelta(hours=1))
    evaluate_all(now=now)
    assert evaluate_all(now=now + 2 * MINUTE) == Evaluation(opened=1, resolved=0, notifications=0)


def test_postgres_that_is_away_changes_nothing(
    project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(project)
    make_jobs(project, 6, now)

    def away(*args: Any, **kwargs: Any) -> int:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(evaluate, "write_notifications", away)
    with pytest.raises(OperationalError):
        evaluate_all(now=now)
    assert not Alert.objects.exists()
