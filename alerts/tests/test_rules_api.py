"""Rules over HTTP: what may be said, what is refused and where, and who may say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.models import AlertRule
from alerts.rules import services
from alerts.rules.defaults import DEFAULTS
from alerts.rules.types import RuleType
from alerts.tests.seed import make_channel, make_rule
from events.tests.seed import Project
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import AuditEntry, Role
from teams.people.teams import create_team
from teams.tests.factories import MembershipFactory

MINIMAL = {"name": "late", "type": "BACKLOG"}


def test_a_rule_is_made_with_the_defaults_of_its_type(api: ApiCaller, project: Project) -> None:
    answer = api.post("alerts/rules", {"name": "failing", "type": "FAILURE_RATE"})
    assert answer.status_code == 201
    body = answer.json()
    assert body["config"] == {"threshold": 50, "resolve_threshold": None, "window_s": 300, "min_count": 20}
    assert {name: body[name] for name in ("scope", "for_s", "resolve_after_s", "repeat_after_s", "channel_ids")} == {
        "scope": None,
        "for_s": 60,
        "resolve_after_s": 120,
        "repeat_after_s": None,
        "channel_ids": [],
    }
    assert (body["team_id"], body["disabled_at"], body["muted_until"]) == (project.team.id, None, None)
    assert api.get(f"alerts/rules/{body['id']}").json() == body
    assert api.put(f"alerts/rules/{body['id']}", body).json() == body


@pytest.mark.parametrize(
    ("rule_type", "config"),
    [
        ("BACKLOG", {"threshold": 1000, "resolve_threshold": None}),
        ("BACKLOG_AGE", {"threshold": 600, "resolve_threshold": None}),
        ("REJECTED_REQUESTS", {"threshold": 50, "resolve_threshold": None, "window_s": 600}),
        ("SOURCE_DISABLED", {}),
        ("DESTINATION_DISABLED", {}),
        ("CONNECTION_DISABLED", {}),
        ("BULK_OPERATION_FAILED", {"window_s": 3600}),
    ],
)
def test_each_type_has_its_own_numbers(api: ApiCaller, rule_type: str, config: dict[str, Any]) -> None:
    assert api.post("alerts/rules", {"name": "rule", "type": rule_type}).json()["config"] == config


def test_patch_merges_the_config_and_put_replaces_it(api: ApiCaller, project: Project) -> None:
    rule = make_rule(project, RuleType.FAILURE_RATE, config={"threshold": 20, "min_count": 5, "resolve_threshold": 10})
    patched = api.patch(f"alerts/rules/{rule.id}", {"config": {"threshold": 30}}).json()
    assert patched["config"] == {"threshold": 30, "resolve_threshold": 10, "window_s": 300, "min_count": 5}
    replaced = api.put(f"alerts/rules/{rule.id}", {"config": {"threshold": 30}}).json()
    assert replaced["config"] == {"threshold": 30, "resolve_threshold": None, "window_s": 300, "min_count": 20}


def test_upsert_goes_by_name(api: ApiCaller) -> None:
    first = api.put("alerts/rules", MINIMAL)
    second = api.put("alerts/rules", {**MINIMAL, "for_s": 5})
    assert (first.status_code, second.status_code) == (201, 200)
    assert (second.json()["id"], second.json()["for_s"]) == (first.json()["id"], 5)
    assert api.put("alerts/rules", {"name": "late", "for_s": 6}).json()["type"] == "BACKLOG"
    other = api.put("alerts/rules", {"name": "other"})
    assert other.json()["fields"] == {"type": ["is required for a new rule"]}


@pytest.mark.parametrize(
    ("body", "at", "fault"),
    [
        ({"type": "BACKLOG"}, "name", "is required"),
        ({"name": "x"}, "type", "is required"),
        ({**MINIMAL, "type": "SLOW"}, "type", "must be one of FAILURE_RATE, BACKLOG"),
        ({**MINIMAL, "config": {"threshold": 0}}, "config.threshold", "must be from 1 to 1000000"),
        ({**MINIMAL, "config": {"threshold": 1.5}}, "config.threshold", "must be a whole number"),
        ({**MINIMAL, "config": {"threshold": "9"}}, "config.threshold", "must be a number"),
        ({**MINIMAL, "config": {"treshold": 5}}, "config.treshold", "is not a known field; did you mean threshold?"),
        ({**MINIMAL, "config": {"window_s": 60}}, "config.window_s", "is not a known field"),
        (
            {**MINIMAL, "config": {"threshold": 5, "resolve_threshold": 6}},
            "config.resolve_threshold",
            "must be above 0 and at most the threshold, 5",
        ),
        (
            {"name": "x", "type": "FAILURE_RATE", "config": {"threshold": 5, "resolve_threshold": 0.09}},
            "config.resolve_threshold",
            "must be at least 0.1",
        ),
        ({**MINIMAL, "config": {"resolve_threshold": "5"}}, "config.resolve_threshold", "must be a number, or null"),
        ({**MINIMAL, "scope": []}, "scope", "must name at least one destination; null stands for all of them"),
        ({**MINIMAL, "scope": ["des_1"]}, "scope[0]", "names no destination of this team"),
        ({**MINIMAL, "channel_ids": ["ach_1"]}, "channel_ids[0]", "names no alert channel of this team"),
        ({**MINIMAL, "repeat_after_s": 299}, "repeat_after_s", "300"),
        ({**MINIMAL, "for_s": -1}, "for_s", "0"),
        ({**MINIMAL, "muted_until": "soon"}, "muted_until", "must be an ISO 8601 time"),
        ({**MINIMAL, "muted_until": "2999-01-01T00:00:00Z"}, "muted_until", "must lie within the next 366 days"),
        (
            {"name": "x", "type": "BULK_OPERATION_FAILED", "scope": ["bch_1"]},
            "scope",
            "takes none; leave it out, or null",
        ),
        ({**MINIMAL, "interval": 5}, "interval", "unknown field"),
    ],
)
def test_a_fault_is_named_by_its_path_and_nothing_is_written(
    api: ApiCaller, body: dict[str, Any], at: str, fault: str
) -> None:
    answer = api.post("alerts/rules", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
    assert fault in answer.json()["fields"][at][0]
    assert not AlertRule.objects.exists()


def test_the_type_of_a_rule_does_not_change(api: ApiCaller, project: Project) -> None:
    rule = make_rule(project, RuleType.BACKLOG)
    answer = api.patch(f"alerts/rules/{rule.id}", {"type": "BACKLOG_AGE"})
    assert answer.status_code == 422
    assert answer.json()["fields"] == {"type": ["is BACKLOG and does not change; make another rule"]}


def test_ids_of_another_team_are_not_known(api: ApiCaller, other_project: Project) -> None:
    channel = make_channel(other_project)
    for given in ({"scope": [other_project.destination.id]}, {"channel_ids": [channel.id]}):
        answer = api.post("alerts/rules", {**MINIMAL, **given})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [f"{next(iter(given))}[0]"])


def test_a_name_that_is_taken_is_a_conflict_with_its_id(api: ApiCaller) -> None:
    first = api.post("alerts/rules", MINIMAL).json()
    answer = api.post("alerts/rules", MINIMAL)
    assert (answer.status_code, answer.json()["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert answer.json()["data"] == {"id": first["id"]}


def test_a_team_has_a_bounded_number_of_rules(
    api: ApiCaller, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_RULES", 2)
    for number in range(2):
        assert api.post("alerts/rules", {**MINIMAL, "name": f"r{number}"}).status_code == 201
    answer = api.post("alerts/rules", MINIMAL)
    assert (answer.status_code, answer.json()["code"]) == (409, "TOO_MANY_ALERT_RULES")
    assert answer.json()["error"] == "a team has 2 alert rules at most; delete one first"
    assert api.post("alerts/rules/defaults").json()["code"] == "TOO_MANY_ALERT_RULES"
    assert AlertRule.objects.count() == 2


def test_a_new_team_has_the_default_rules(project: Project) -> None:
    user = MembershipFactory(team=project.team, role=Role.OWNER).user
    team = create_team(user, "another", now=datetime.now(UTC))
    assert AlertRule.objects.filter(team=team).count() == len(DEFAULTS) == 4


def test_the_default_rules_come_back_when_they_are_asked_for(api: ApiCaller) -> None:
    api.post("alerts/rules", {"name": "late-destination", "type": "BACKLOG"})
    made = api.post("alerts/rules/defaults").json()["models"]
    assert [rule["name"] for rule in made] == ["failing-connection", "rejecting-source", "failed-bulk-operation"]
    assert api.post("alerts/rules/defaults").json() == {"models": []}


def test_disable_enable_and_delete_are_told_to_the_audit_log(api: ApiCaller) -> None:
    rule = api.post("alerts/rules", MINIMAL).json()
    assert api.put(f"alerts/rules/{rule['id']}/disable").json()["disabled_at"] is not None
    assert api.put(f"alerts/rules/{rule['id']}/enable").json()["disabled_at"] is None
    assert api.delete(f"alerts/rules/{rule['id']}").status_code == 204
    assert api.get(f"alerts/rules/{rule['id']}").status_code == 404
    entries = AuditEntry.objects.filter(resource_id=rule["id"]).order_by("id")
    assert [(entry.action, entry.resource_type) for entry in entries] == [
        (f"alert_rule.{verb}", "alert_rule") for verb in ("created", "disabled", "enabled", "deleted")
    ]
    assert entries[0].after["config.threshold"] == 1000


def test_lists_are_filtered(api: ApiCaller, project: Project) -> None:
    channel = make_channel(project)
    late = make_rule(project, RuleType.BACKLOG, channel_ids=[channel.id])
    failing = make_rule(project, RuleType.FAILURE_RATE, disabled_at=datetime.now(UTC))

    def ids(query: str) -> list[str]:
        return [rule["id"] for rule in api.get(f"alerts/rules?{query}").json()["models"]]

    assert ids("") == [failing.id, late.id]
    assert ids("type=BACKLOG") == [late.id]
    assert ids("disabled=true") == [failing.id]
    assert ids(f"channel_id={channel.id}") == [late.id]
    assert ids(f"name={late.name}") == [late.id]
    assert api.get("alerts/rules/count?type=BACKLOG").json() == {"count": 1}
    assert api.get("alerts/rules?typ=BACKLOG").json()["fields"] == {"typ": ["unknown parameter; did you mean type?"]}


@pytest.mark.parametrize("path", ["", "/disable", "/enable"])
def test_another_teams_rule_does_not_exist(api: ApiCaller, other_project: Project, path: str) -> None:
    rule = make_rule(other_project, RuleType.BACKLOG)
    answer = api.call("PUT", f"alerts/rules/{rule.id}{path}", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert api.get("alerts/rules").json()["models"] == []


def test_a_viewer_reads_and_changes_nothing(project: Project) -> None:
    rule, channel = make_rule(project, RuleType.BACKLOG), make_channel(project)
    membership = MembershipFactory(team=project.team, role=Role.VIEWER)
    viewer = ApiCaller(create_session(membership.user, now=datetime.now(UTC)).token)
    for path in ("alerts", "alerts/rules", f"alerts/rules/{rule.id}", "alerts/channels", "alerts/notifications"):
        assert viewer.get(path).status_code == 200
    for method, path in (
        ("POST", "alerts/rules"),
        ("PATCH", f"alerts/rules/{rule.id}"),
        ("DELETE", f"alerts/rules/{rule.id}"),
        ("POST", "alerts/rules/defaults"),
        ("POST", f"alerts/channels/{channel.id}/test"),
        ("PUT", "alerts/alt_1/acknowledge"),
    ):
        answer = viewer.call(method, path, {})
        assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_READ_ONLY")
