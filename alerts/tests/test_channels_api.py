"""Channels over HTTP: secrets that stay, URLs that are refused, and the test button."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from alerts.channels import services
from alerts.models import AlertChannel, AlertNotification
from alerts.outbox.rows import BURST, Outcome
from alerts.rules.types import RuleType
from alerts.tests.seed import make_channel, make_rule
from events.tests.seed import Project
from fasthook.testing import ApiCaller
from sources.models import Source
from teams.models import AuditEntry
from tests.receiver import Answer, Receiver

SLACK_URL = "https://hooks.slack.com/services/T000/B000/abcdefghijklmnop"


def test_a_webhook_channel_shows_its_url(api: ApiCaller, project: Project) -> None:
    body = {"name": "pager", "type": "WEBHOOK", "config": {"url": "HTTPS://Example.com/alerts?k=v"}}
    answer = api.post("alerts/channels", body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["config"] == {"url": "https://example.com/alerts?k=v"}
    assert (made["team_id"], made["warnings"], made["disabled_at"]) == (project.team.id, [], None)
    assert api.put(f"alerts/channels/{made['id']}", made).json() == made


def test_a_slack_url_is_a_secret_that_survives_being_sent_back_masked(api: ApiCaller) -> None:
    made = api.post("alerts/channels", {"name": "chat", "type": "SLACK", "config": {"url": SLACK_URL}}).json()
    assert made["config"] == {"url": "****mnop"}
    for answer in (api.get(f"alerts/channels/{made['id']}"), api.put(f"alerts/channels/{made['id']}", made)):
        assert answer.json() == made
    assert AlertChannel.objects.get().config == {"url": SLACK_URL}
    with connection.cursor() as cursor:
        cursor.execute("SELECT config FROM alerts_channel")
        assert "slack" not in cursor.fetchone()[0]
    [entry] = AuditEntry.objects.filter(resource_id=made["id"])
    assert (entry.action, entry.after["config"]) == ("alert_channel.created", {"url": "****mnop"})
    other = api.patch(f"alerts/channels/{made['id']}", {"config": {"url": "****abcd"}})
    assert other.json()["fields"] == {"config.url": ["is a masked value of another secret; send the secret itself"]}


def test_an_email_channel_has_addresses_and_says_when_mail_leads_nowhere(api: ApiCaller, settings: Any) -> None:
    body = {"name": "mail", "type": "EMAIL", "config": {"to": ["a@example.com", "b@example.com", "a@example.com"]}}
    made = api.post("alerts/channels", body).json()
    assert made["config"] == {"to": ["a@example.com", "b@example.com"]}
    assert made["warnings"] == [
        "EMAIL_URL is not set: mail goes to the log of the process that sends it, and to nobody"
    ]
    settings.EMAIL_URL = "smtp://mail.example.com:25"
    assert api.get(f"alerts/channels/{made['id']}").json()["warnings"] == []


@pytest.mark.parametrize(
    ("body", "at", "fault"),
    [
        ({"type": "WEBHOOK"}, "config.url", "is required for a channel of type WEBHOOK"),
        ({"type": "EMAIL"}, "config.to", "is required for a channel of type EMAIL"),
        ({"type": "WEBHOOK", "config": {}}, "config.url", "is required"),
        ({"type": "WEBHOOK", "config": {"url": "ftp://x"}}, "config.url", "must begin with http:// or https://"),
        ({"type": "WEBHOOK", "config": {"url": "http://10.0.0.1/"}}, "config.url", "private addresses"),
        ({"type": "WEBHOOK", "config": {"to": ["a@example.com"]}}, "config.to", "is not a known field"),
        (
            {"type": "EMAIL", "config": {"to": "a@example.com"}},
            "config.to",
            "must be a list of at least one email address",
        ),
        (
            {"type": "EMAIL", "config": {"to": ["a@example.com", "b"]}},
            "config.to[1]",
            "must be an email address such as oncall@example.com",
        ),
        ({"type": "EMAIL", "config": {"to": ["a@example.com\r\nBcc: b@c.de"]}}, "config.to[0]", "must be an email"),
        ({"type": "EMAIL", "config": {"to": ["a@example.com"] * 21}}, "config.to", "must not have more than 20"),
        ({"type": "PAGER"}, "type", "must be one of WEBHOOK, EMAIL, SLACK"),
        ({}, "type", "is required"),
    ],
)
def test_a_fault_is_named_by_its_path(api: ApiCaller, body: dict[str, Any], at: str, fault: str) -> None:
    answer = api.post("alerts/channels", {"name": "x", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
    assert fault in answer.json()["fields"][at][0]
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/in/{slug}/", "https://elsewhere.example/x/{slug}", "https://hook-{slug}.example.com/"],
)
def test_the_url_of_a_source_of_this_installation_is_refused(
    api: ApiCaller, other_project: Project, settings: Any, url: str
) -> None:
    settings.DELIVERY_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    slug = "abcdefghjkmnpqrstv12"
    body = {"name": "x", "type": "SLACK", "config": {"url": url.replace("{slug}", slug)}}
    assert api.post("alerts/channels", {**body, "name": "before"}).status_code == 201
    Source.objects.create(team=other_project.team, name="in", slug=slug)
    answer = api.post("alerts/channels", body)
    assert answer.status_code == 422
    assert answer.json()["fields"]["config.url"] == [
        "is the URL of a source of this installation: alerts sent there could cause alerts without end;"
        " send them to the receiver itself"
    ]


def test_another_type_needs_a_config_of_its_own(api: ApiCaller, project: Project) -> None:
    channel = make_channel(project)
    answer = api.patch(f"alerts/channels/{channel.id}", {"type": "EMAIL"})
    assert answer.json()["fields"] == {"config.to": ["is required for a channel of type EMAIL"]}
    answer = api.patch(f"alerts/channels/{channel.id}", {"type": "EMAIL", "config": {"to": ["a@example.com"]}})
    assert (answer.status_code, answer.json()["config"]) == (200, {"to": ["a@example.com"]})


def test_a_channel_that_rules_name_is_not_deleted(api: ApiCaller, project: Project) -> None:
    channel = make_channel(project)
    rule = make_rule(project, RuleType.BACKLOG, channel_ids=[channel.id])
    answer = api.delete(f"alerts/channels/{channel.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "CHANNEL_IN_USE")
    assert answer.json()["error"] == "1 alert rule notifies this channel; take it out of its channel_ids first"
    assert answer.json()["data"] == {"rule_ids": [rule.id]}
    api.patch(f"alerts/rules/{rule.id}", {"channel_ids": []})
    assert api.delete(f"alerts/channels/{channel.id}").status_code == 204
    assert api.get(f"alerts/channels/{channel.id}").status_code == 404


def test_an_upsert_that_creates_needs_a_type(api: ApiCaller) -> None:
    answer = api.put("alerts/channels", {"name": "a", "config": {"url": "https://example.com"}})
    assert answer.json()["fields"] == {"type": ["is required for a new channel"]}


def test_a_team_has_a_bounded_number_of_channels(api: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_CHANNELS", 1)
    body = {"type": "WEBHOOK", "config": {"url": "https://example.com"}}
    assert api.put("alerts/channels", {"name": "a", **body}).status_code == 201
    answer = api.put("alerts/channels", {"name": "b", **body})
    assert (answer.status_code, answer.json()["code"]) == (409, "TOO_MANY_ALERT_CHANNELS")
    assert answer.json()["error"] == "a team has 1 alert channels at most; delete one first"


def test_the_test_button_sends_at_once_and_says_what_came_back(
    api: ApiCaller, project: Project, receiver: Receiver
) -> None:
    receiver.script("/bad", Answer(410, text="gone"))
    good, bad = make_channel(project, receiver.url("/good")), make_channel(project, receiver.url("/bad"))
    sent = api.post(f"alerts/channels/{good.id}/test").json()
    assert (sent["status"], sent["kind"], sent["response_status"], sent["attempts"]) == ("SENT", "TEST", 200, 1)
    [call] = receiver.at("/good")
    assert call.headers["webhook-id"] == sent["id"]
    failed = api.post(f"alerts/channels/{bad.id}/test").json()
    assert (failed["status"], failed["response_status"], failed["response_body"]) == ("FAILED", 410, "gone")
    assert (failed["error_code"], failed["error_message"]) == ("BAD_RESPONSE", "the destination answered 410")
    listed = api.get("alerts/notifications").json()["models"]
    assert [model["id"] for model in listed] == [failed["id"], sent["id"]]
    assert api.get(f"alerts/notifications/{sent['id']}").json() == sent
    assert AuditEntry.objects.filter(action="alert_channel.tested").count() == 2


def test_the_test_of_an_email_channel_is_a_mail(api: ApiCaller, project: Project) -> None:
    channel = make_channel(project, type="EMAIL", config={"to": ["a@example.com"]})
    assert api.post(f"alerts/channels/{channel.id}/test").json()["status"] == "SENT"
    assert mail.outbox[0].subject == f"[team] Test of the alert channel {channel.name}"


def test_tests_are_bounded_like_all_of_a_channels_notifications(
    api: ApiCaller, project: Project, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "send_now", lambda notice: Outcome(response_status=200))
    monkeypatch.setattr("alerts.api.channels.utc_now", lambda: now)
    channel = make_channel(project)
    AlertChannel.objects.update(next_slot_at=now - timedelta(hours=1))
    for _ in range(BURST):
        assert api.post(f"alerts/channels/{channel.id}/test").status_code == 200
    answer = api.post(f"alerts/channels/{channel.id}/test")
    assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert answer.json()["error"] == (
        "this channel was sent too many notifications within the last minute; wait a little"
    )
    assert answer.headers["Retry-After"] == "7"
    assert AlertNotification.objects.count() == BURST


@pytest.mark.parametrize("path", ["", "/disable", "/test"])
def test_another_teams_channel_does_not_exist(api: ApiCaller, other_project: Project, path: str) -> None:
    channel = make_channel(other_project)
    method = "POST" if path else "PATCH"
    answer = api.call(method, f"alerts/channels/{channel.id}{path}", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert api.get("alerts/channels").json()["models"] == []
