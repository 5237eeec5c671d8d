from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest

from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import ConfigVersion, ProjectSecrets, Role, Team
from teams.tests.factories import MembershipFactory


def member(team: Team, role: Role = Role.MEMBER) -> ApiCaller:
    user = MembershipFactory(team=team, role=role).user
    return ApiCaller(create_session(user, now=utc_now()).token, team_id=team.id)


def test_the_guides_read_shows_both_secrets_whole_and_masked(team: Team) -> None:
    response = member(team).get("project-secrets")
    answer = response.json()
    row = ProjectSecrets.objects.get()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert set(answer["api_key"]) == {"id", "value", "masked", "created_at", "rotated_at"}
    assert set(answer["signing_secret"]) == {*answer["api_key"], "previous_valid_until"}
    assert answer["api_key"]["value"] == row.api_key
    assert answer["api_key"]["masked"] == f"fhp_****{row.api_key[-4:]}"
    assert answer["api_key"]["rotated_at"] is None
    assert answer["signing_secret"]["previous_valid_until"] is None


def test_generated_secrets_have_their_promised_form(team: Team) -> None:
    row = ProjectSecrets.objects.get()
    assert row.api_key.startswith("fhp_")
    assert len(row.api_key) >= 4 + 32
    assert row.signing_secret.startswith("whsec_")
    assert len(base64.b64decode(row.signing_secret.removeprefix("whsec_"), validate=True)) == 32


def test_rotating_with_an_empty_body_rotates_both(team: Team) -> None:
    caller, before = member(team), ProjectSecrets.objects.get()
    for body in (None, {}):
        answer = caller.post("project-secrets/rotate", body).json()
        row = ProjectSecrets.objects.get()
        assert answer["api_key"]["value"] == row.api_key != before.api_key
        assert answer["signing_secret"]["value"] == row.signing_secret != before.signing_secret
        assert row.previous_signing_secret == before.signing_secret
        assert answer["api_key"]["id"] != before.api_key_id
        before = row


def test_rotating_the_signing_secret_alone_keeps_the_key_and_the_old_secret_for_a_day(
    team: Team, settings: Any
) -> None:
    settings.SIGNING_SECRET_GRACE_S = 3600
    caller, before = member(team), ProjectSecrets.objects.get()
    started = utc_now()
    answer = caller.post("project-secrets/rotate", {"rotate": ["signing_secret"]}).json()
    row = ProjectSecrets.objects.get()
    assert answer["api_key"]["value"] == before.api_key
    assert row.previous_signing_secret == before.signing_secret
    valid_until = datetime.fromisoformat(answer["signing_secret"]["previous_valid_until"])
    assert 3599 <= (valid_until - started).total_seconds() <= 3660
    assert row.version == ConfigVersion.objects.get().version > before.version


def test_a_rotated_key_ends_at_once_and_the_new_one_works(client: ApiCaller) -> None:
    answer = client.post("project-secrets/rotate", {"rotate": ["api_key"]}).json()
    assert client.get("sources").status_code == 401
    assert ApiCaller(answer["api_key"]["value"]).get("sources").status_code == 200


def test_a_caller_may_bring_own_values(client: ApiCaller) -> None:
    before = ProjectSecrets.objects.get()
    given = {"api_key": "fhp_" + "k" * 32, "signing_secret": "whsec_" + base64.b64encode(b"s" * 32).decode()}
    answer = client.put("project-secrets", given).json()
    assert (answer["api_key"]["value"], answer["signing_secret"]["value"]) == tuple(given.values())
    row = ProjectSecrets.objects.get()
    assert row.previous_signing_secret == before.signing_secret
    again = ApiCaller(given["api_key"]).put("project-secrets", given)
    assert again.status_code == 200
    assert ProjectSecrets.objects.get().version == row.version


REFUSALS = [
    ("PUT", "project-secrets", {}, {"api_key", "signing_secret"}),
    ("PUT", "project-secrets", {"api_key": "fhp_short"}, {"api_key"}),
    ("PUT", "project-secrets", {"api_key": "sk_" + "k" * 40}, {"api_key"}),
    ("PUT", "project-secrets", {"api_key": 5}, {"api_key"}),
    ("PUT", "project-secrets", {"signing_secret": "short"}, {"signing_secret"}),
    ("PUT", "project-secrets", {"signing_secret": "has a space in the middle"}, {"signing_secret"}),
    ("PUT", "project-secrets", {"api_kye": "x"}, {"api_kye"}),
    ("POST", "project-secrets/rotate", {"rotate": []}, {"rotate"}),
    ("POST", "project-secrets/rotate", {"rotate": "api_key"}, {"rotate"}),
    ("POST", "project-secrets/rotate", {"rotate": ["api_key", "password"]}, {"rotate[1]"}),
]


@pytest.mark.parametrize(("method", "path", "body", "fields"), REFUSALS)
def test_a_refusal_names_the_field_and_changes_nothing(
    client: ApiCaller, method: str, path: str, body: Any, fields: set[str]
) -> None:
    before = ProjectSecrets.objects.get()
    response = client.call(method, path, body)
    after = ProjectSecrets.objects.get()
    assert response.status_code == 422, response.content
    assert set(response.json()["fields"]) == fields
    assert (after.version, after.api_key, after.signing_secret) == (
        before.version,
        before.api_key,
        before.signing_secret,
    )


def test_a_key_of_another_team_cannot_be_taken(client: ApiCaller, other_team: Team) -> None:
    response = client.put("project-secrets", {"api_key": other_team.secrets.api_key})
    assert (response.status_code, response.json()["code"]) == (409, "API_KEY_IN_USE")
    assert client.get("sources").status_code == 200


def test_a_viewer_sees_no_secrets(team: Team) -> None:
    caller = member(team, Role.VIEWER)
    for response in (caller.get("project-secrets"), caller.post("project-secrets/rotate")):
        assert (response.status_code, response.json()["code"]) == (403, "ROLE_READ_ONLY")
        assert team.secrets.api_key not in response.content.decode()


def test_secrets_are_encrypted_at_rest(team: Team) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key, signing_secret FROM teams_projectsecrets")
        stored = " ".join(cursor.fetchone())
    assert team.secrets.api_key not in stored
    assert team.secrets.signing_secret not in stored


def test_put_does_not_reach_the_rotation(client: ApiCaller) -> None:
    response = client.put("project-secrets/rotate", {})
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
