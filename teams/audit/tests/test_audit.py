"""The audit log: who did what, in the same transaction, with secrets masked, within bounds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from fasthook.lib.clock import utc_now
from fasthook.lib.ids import first_id_at, new_id
from fasthook.testing import ApiCaller
from teams.audit.log import MAX_VALUE_BYTES, Subject, record
from teams.audit.request_context import SYSTEM
from teams.auth import sign_in_log
from teams.auth.credentials import Actor, CredentialKind
from teams.models import AuditEntry, Role, Team, User
from teams.secrets.services import rotate_project_secrets
from teams.tests.factories import PASSWORD, MembershipFactory, UserFactory


def sign_in(email: str, password: str = PASSWORD) -> Any:
    return ApiCaller().post("auth/login", {"email": email, "password": password})


def entries(client: ApiCaller, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"audit{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()["models"]


def test_an_operator_action_is_recorded_with_its_actor(team: Team) -> None:
    user = UserFactory(email="ada@example.com")
    actor = Actor(kind=CredentialKind.SESSION, role=Role.OWNER, user=user)
    record(actor, "event.retried", Subject(team.id, "event", "evt_1"), before={"status": "FAILED"}, meta={"n": 1})
    [row] = AuditEntry.objects.all()
    assert (row.team_id, row.action, row.actor_type, row.actor_id, row.actor_label) == (
        team.id,
        "event.retried",
        "member",
        user.id,
        "ada@example.com",
    )
    assert (row.resource_type, row.resource_id, row.before, row.after, row.meta) == (
        "event",
        "evt_1",
        {"status": "FAILED"},
        None,
        {"n": 1},
    )


def test_an_api_key_is_named_by_its_id_and_the_call_by_its_own(client: ApiCaller, team: Team) -> None:
    key_id = team.secrets.api_key_id
    answer = client.post("project-secrets/rotate", {"rotate": ["api_key"]}, headers={"X-Request-Id": "deploy-17"})
    assert answer.headers["X-Request-Id"] == "deploy-17"
    fresh = answer.json()["api_key"]
    client.headers["Authorization"] = f"Bearer {fresh['value']}"
    [entry] = entries(client)
    assert entry["actor"] == {"type": "api_key", "id": key_id, "label": "API key"}
    assert (entry["action"], entry["ip"], entry["request_id"]) == ("project_secrets.rotated", "127.0.0.1", "deploy-17")
    assert entry["before"] == {"api_key": {"id": key_id, "masked": f"fhp_****{team.secrets.api_key[-4:]}"}}
    assert entry["after"] == {"api_key": {"id": fresh["id"], "masked": fresh["masked"]}}
    assert fresh["value"] not in str(entry)


def test_a_strange_request_id_is_replaced(client: ApiCaller) -> None:
    answer = client.get("audit", headers={"X-Request-Id": "a b"})
    assert answer.headers["X-Request-Id"].startswith("call_")


def test_a_change_that_is_rolled_back_leaves_no_entry(team: Team) -> None:
    def record_and_fail() -> None:
        with transaction.atomic():
            record(SYSTEM, "event.retried", Subject(team.id, "event", "evt_1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_and_fail()
    assert not AuditEntry.objects.exists()


def test_who_acted_in_one_call_does_not_act_in_the_next(client: ApiCaller, team: Team) -> None:
    client.get("audit")
    rotate_project_secrets(team, None, now=utc_now())
    assert [row.actor_type for row in AuditEntry.objects.all()] == ["system"]


def test_what_is_too_large_is_kept_as_its_size_and_digest(team: Team) -> None:
    record(SYSTEM, "transformation.updated", Subject(team.id, "transformation", "trs_1"), after={"code": "x" * 40_000})
    kept: Any = AuditEntry.objects.get().after
    assert kept["code"]["omitted"] is True
    assert kept["code"]["bytes"] == 40_002 > MAX_VALUE_BYTES
    assert len(kept["code"]["sha256"]) == 64


def test_a_sign_in_is_told_to_each_team_of_the_person(team: Team, other_team: Team) -> None:
    user = UserFactory()
    MembershipFactory(team=team, user=user)
    MembershipFactory(team=other_team, user=user)
    assert sign_in(user.email).status_code == 200
    rows = AuditEntry.objects.order_by("team_id")
    assert [(row.team_id, row.action, row.actor_id, row.ip) for row in rows] == [
        (each.id, "sign_in.succeeded", user.id, "127.0.0.1") for each in sorted((team, other_team), key=lambda t: t.id)
    ]


def test_a_refused_sign_in_is_told_without_the_password(client: ApiCaller, team: Team) -> None:
    user = UserFactory()
    MembershipFactory(team=team, user=user)
    assert sign_in(user.email, "guessed-it-wrong").status_code == 401
    [entry] = entries(client)
    assert (entry["action"], entry["actor"]["type"]) == ("sign_in.refused", "anonymous")
    assert entry["resource"] == {"type": "user", "id": user.id, "name": user.email}
    assert "guessed" not in str(entry)


def test_refused_sign_ins_are_bounded_by_the_hour(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_log, "REFUSED_PER_HOUR", 2)
    user = UserFactory()
    MembershipFactory(team=team, user=user)
    now = utc_now()
    for _ in range(3):
        sign_in_log.record_refused_sign_in(user.email, now=now)
    assert AuditEntry.objects.filter(team_id=team.id).count() == 2
    sign_in_log.record_refused_sign_in(user.email, now=now + timedelta(hours=2))
    assert AuditEntry.objects.filter(team_id=team.id).count() == 3


def test_an_unknown_address_is_not_kept(db: None) -> None:
    assert sign_in("my-password@example.com").status_code == 401
    [row] = AuditEntry.objects.all()
    assert (row.team_id, row.action, row.resource_id, row.resource_name) == (None, "sign_in.refused", None, "")


def test_signing_in_to_the_admin_is_recorded_as_staff(team: Team) -> None:
    user = User.objects.create_superuser("support@example.com", PASSWORD)
    browser = Client()
    browser.post("/admin/login/", {"username": user.email, "password": "wrong wrong wrong"})
    browser.post("/admin/login/", {"username": user.email, "password": PASSWORD, "next": "/admin/"})
    rows = AuditEntry.objects.order_by("id")
    assert [(row.action, row.actor_type, row.actor_id) for row in rows] == [
        ("sign_in.refused", "anonymous", None),
        ("sign_in.succeeded", "staff", user.id),
    ]


def test_the_list_filters_and_pages(client: ApiCaller, team: Team) -> None:
    for number, action in enumerate(["event.retried", "event.cancelled", "connection.paused"] * 2):
        kind = action.partition(".")[0]
        record(SYSTEM, action, Subject(team.id, kind, f"{kind}_{number}"))
    assert [row["action"] for row in entries(client, "?action=event.retried,event.cancelled&limit=3")] == [
        "event.cancelled",
        "event.retried",
        "event.cancelled",
    ]
    assert len(entries(client, "?resource_type=connection")) == 2
    assert [row["resource"]["id"] for row in entries(client, "?resource_id=event_0")] == ["event_0"]
    assert entries(client, "?actor=usr_1") == []
    assert len(entries(client, "?actor_type=system&from=now-1h&to=now")) == 6
    page = client.get("audit?limit=4").json()
    rest = client.get(f"audit?limit=4&next={page['pagination']['next']}").json()
    assert (page["total"], len(page["models"]), len(rest["models"])) == (6, 4, 2)
    assert {row["id"] for row in page["models"]} & {row["id"] for row in rest["models"]} == set()


@pytest.mark.parametrize(
    ("query", "field"), [("?actor_type=robot", "actor_type"), ("?acton=x", "acton"), ("?limit=101", "limit")]
)
def test_the_list_refuses_what_it_does_not_know(client: ApiCaller, query: str, field: str) -> None:
    answer = client.get(f"audit{query}")
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]


@pytest.mark.usefixtures("shifted_clock")
def test_the_list_covers_thirty_days_unless_asked_for_more(client: ApiCaller, team: Team) -> None:
    row = AuditEntry(team_id=team.id, action="a.b", actor_type="system", resource_type="a")
    row.id = first_id_at("aud", utc_now() - timedelta(days=31))
    row.save(force_insert=True)
    assert entries(client) == []
    assert [each["id"] for each in entries(client, "?from=now-32d")] == [row.id]


def test_a_stranger_sees_nothing_of_it(stranger: ApiCaller, team: Team) -> None:
    record(SYSTEM, "event.retried", Subject(team.id, "event", new_id("evt")))
    assert entries(stranger) == []
