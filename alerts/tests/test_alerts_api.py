"""Alerts and notifications over HTTP, and what an operator does with an alert."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.evaluation.evaluate import evaluate_all
from alerts.models import Alert
from alerts.retention import forget_old
from alerts.rules.types import RuleType
from alerts.tests.seed import make_channel, make_jobs, make_rule
from events.models import DeliveryJob
from events.tests.seed import Project
from fasthook.testing import ApiCaller
from teams.models import AuditEntry

pytestmark = pytest.mark.usefixtures("nudges")


@pytest.fixture
def alert(project: Project, now: datetime) -> Alert:
    """Open, and told of."""
    channel = make_channel(project)
    make_rule(project, RuleType.BACKLOG, config={"threshold": 5}, channel_ids=[channel.id])
    make_jobs(project, 6, now)
    evaluate_all(now=now)
    return Alert.objects.get()


def resolve(now: datetime) -> None:
    DeliveryJob.objects.all().delete()
    evaluate_all(now=now + timedelta(minutes=1))


def test_an_alert_shows_what_it_is_about_and_who_was_told(api: ApiCaller, alert: Alert, project: Project) -> None:
    shown = api.get(f"alerts/{alert.id}").json()
    [notification] = shown.pop("notifications")
    assert [shown] == api.get("alerts").json()["models"]
    assert shown["object"] == {"type": "destination", "id": project.destination.id, "name": "destination"}
    assert (shown["status"], shown["value"], shown["resolution"]) == ("OPEN", 6.0, None)
    assert shown["summary"] == "destination destination: 6 events wait (threshold 5)"
    assert (notification["kind"], notification["status"], notification["alert_ids"]) == (
        "OPENED",
        "PENDING",
        [alert.id],
    )


def test_lists_are_filtered(api: ApiCaller, alert: Alert, project: Project, now: datetime) -> None:
    pending = make_rule(project, RuleType.BACKLOG, config={"threshold": 5}, for_s=600)
    evaluate_all(now=now)

    def ids(query: str) -> list[str]:
        answer = api.get(f"alerts?{query}")
        assert answer.status_code == 200, answer.json()
        return [each["id"] for each in answer.json()["models"]]

    waiting = Alert.objects.get(rule_id=pending.id).id
    assert ids("") == ids("status=OPEN") == ids(f"rule_id={alert.rule_id}") == ids("rule_type=BACKLOG") == [alert.id]
    assert ids("status=PENDING") == [waiting]
    assert ids("status=OPEN,PENDING") == [waiting, alert.id]
    assert ids(f"object_id={alert.object_id}") == ids("object_type=destination") == [alert.id]
    assert ids("acknowledged=true") == ids("status=RESOLVED") == ids("to=now-1h") == []
    assert ids("acknowledged=false") == ids("from=now-1h") == [alert.id]
    assert api.get("alerts/count?status=OPEN").json() == {"count": 1}
    assert api.get("alerts?status=CLOSED").status_code == 422
    assert api.get("alerts").json()["applied_range"] is None
    assert api.get("alerts?from=now-1h").json()["applied_range"]["to"] is not None


def test_notifications_are_filtered_by_alert_rule_and_channel(api: ApiCaller, alert: Alert, now: datetime) -> None:
    resolve(now)

    def kinds(query: str) -> list[str]:
        return [each["kind"] for each in api.get(f"alerts/notifications?{query}").json()["models"]]

    assert kinds("") == kinds(f"alert_id={alert.id}") == kinds(f"rule_id={alert.rule_id}") == ["RESOLVED", "OPENED"]
    assert kinds("kind=OPENED") == ["OPENED"]
    assert kinds("status=PENDING") == ["RESOLVED", "OPENED"]
    assert kinds("alert_id=alt_1") == kinds("channel_id=ach_1") == kinds("status=SENT") == []


def test_acknowledging_says_who_and_when_and_is_told_to_the_audit_log(api: ApiCaller, alert: Alert) -> None:
    first = api.put(f"alerts/{alert.id}/acknowledge").json()
    assert first["acknowledged_by"] == "api_key"
    assert api.post(f"alerts/{alert.id}/acknowledge").json() == first
    assert api.put(f"alerts/{alert.id}/unacknowledge").json()["acknowledged_at"] is None
    entries = AuditEntry.objects.filter(resource_id=alert.id).order_by("id")
    assert [entry.action for entry in entries] == ["alert.acknowledged", "alert.unacknowledged"]


@pytest.mark.usefixtures("shifted_clock")
def test_muting_takes_a_moment_or_a_time(api: ApiCaller, alert: Alert) -> None:
    until = (datetime.now(alert.pending_at.tzinfo) + timedelta(hours=1)).isoformat(timespec="milliseconds")
    muted = api.put(f"alerts/{alert.id}/mute", {"muted_until": until}).json()
    assert muted["muted_until"] == until.replace("+00:00", "Z")
    assert api.put(f"alerts/{alert.id}/mute", {"for_s": 60}).json()["muted_until"] < muted["muted_until"]
    assert api.put(f"alerts/{alert.id}/unmute").json()["muted_until"] is None


@pytest.mark.parametrize("body", [{}, {"for_s": 60, "muted_until": "2026-11-21T12:00:00Z"}, {"for_s": 0}, {"for": 5}])
def test_muting_without_one_clear_time_is_refused(api: ApiCaller, alert: Alert, body: dict[str, Any]) -> None:
    assert api.put(f"alerts/{alert.id}/mute", body).status_code == 422
    alert.refresh_from_db()
    assert alert.muted_until is None


def test_a_resolved_alert_is_not_changed(api: ApiCaller, alert: Alert, now: datetime) -> None:
    resolve(now)
    for path, body in (("acknowledge", None), ("mute", {"for_s": 60})):
        answer = api.put(f"alerts/{alert.id}/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "ALERT_RESOLVED")
        assert answer.json()["error"] == "this alert is resolved; nothing more is sent for it"


def test_another_teams_alerts_do_not_exist(other_api: ApiCaller, alert: Alert) -> None:
    assert other_api.get("alerts").json()["models"] == []
    assert other_api.get("alerts/notifications").json()["models"] == []
    for method, path in (("GET", ""), ("PUT", "/acknowledge"), ("PUT", "/unmute")):
        answer = other_api.call(method, f"alerts/{alert.id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert other_api.put(f"alerts/{alert.id}/mute", {"for_s": 60}).status_code == 404


def test_resolved_alerts_are_kept_for_a_time_and_open_ones_for_good(
    alert: Alert, project: Project, now: datetime, settings: Any
) -> None:
    settings.RETENTION_DAYS_ALERTS = 10
    forget_old(now=now + timedelta(days=400))
    assert Alert.objects.filter(id=alert.id).exists()
    resolve(now)
    forget_old(now=now + timedelta(days=9))
    assert Alert.objects.filter(id=alert.id).exists()
    forget_old(now=now + timedelta(days=11))
    assert not Alert.objects.exists()
