"""Teams and their people over HTTP: who may do what, invitations and how they are accepted, the last owner."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from fasthook.lib.clock import utc_now
from fasthook.lib.errors import FastHookError
from fasthook.testing import ApiCaller, make_team
from teams.auth.sessions import create_session
from teams.models import AuditEntry, Invitation, Membership, Role, Team, User
from teams.people import teams
from teams.people.invitations import accept_invitation
from teams.people.members import change_role
from teams.tests.factories import PASSWORD, MembershipFactory, UserFactory

NEW_PASSWORD = "a new and long enough one"


def person(user: User) -> ApiCaller:
    return ApiCaller(create_session(user, now=utc_now()).token)


def place(team: Team, role: Role, email: str) -> User:
    user: User = UserFactory(email=email)
    MembershipFactory(team=team, user=user, role=role)
    return user


@pytest.fixture
def owner(team: Team) -> User:
    return place(team, Role.OWNER, "owner@example.com")


@pytest.fixture
def api(owner: User) -> ApiCaller:
    return person(owner)


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def actions(team: Team) -> list[str]:
    return list(AuditEntry.objects.filter(team_id=team.id).order_by("id").values_list("action", flat=True))


def roles(team: Team) -> dict[str, str]:
    return dict(Membership.objects.filter(team=team).values_list("user__email", "role"))


def invite(api: ApiCaller, team: Team, email: str, role: str = "member") -> dict[str, Any]:
    answer = api.post(f"teams/{team.id}/members", {"email": email, "role": role})
    assert answer.status_code == 201
    assert (answer.json()["member"], answer.headers["Cache-Control"]) == (None, "no-store")
    return dict(answer.json()["invitation"])


def accept(token: str, password: str = NEW_PASSWORD, **given: Any) -> Any:
    return ApiCaller().post("auth/accept-invitation", {"token": token, "password": password, **given})


# ---- Teams


def test_a_new_team_has_its_owner_and_its_secrets(api: ApiCaller, owner: User, team: Team) -> None:
    answer = api.post("teams", {"name": "the shop"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["role"]) == ("the shop", "owner")
    row = Team.objects.get(pk=made["id"])
    assert roles(row) == {"owner@example.com": "owner"}
    shown = api.get("project-secrets", headers={"x-team-id": row.id}).json()
    assert ApiCaller(shown["api_key"]["value"]).get("sources").status_code == 200
    [entry] = AuditEntry.objects.filter(team_id=row.id)
    assert (entry.action, entry.actor_id, entry.after) == ("team.created", owner.id, {"name": "the shop"})
    assert {each["id"]: each["role"] for each in api.get("teams").json()["models"]} == {
        team.id: "owner",
        row.id: "owner",
    }
    # From now on the session reaches two teams.
    assert refusal(api.get("sources")) == (422, "TEAM_REQUIRED")


def test_the_list_holds_what_the_credential_reaches(api: ApiCaller, client: ApiCaller, team: Team) -> None:
    make_team("somebody else's")
    for caller, role in ((api, "owner"), (client, None)):
        page = caller.get("teams").json()
        assert (page["total"], [(each["id"], each["role"]) for each in page["models"]]) == (1, [(team.id, role)])
    assert api.get("teams?limit=1&order_by=name&dir=asc").json()["pagination"]["next"] is None
    assert api.get("teams?nmae=x").json()["fields"].keys() == {"nmae"}


def test_an_api_key_makes_no_team(client: ApiCaller) -> None:
    answer = client.post("teams", {"name": "a"})
    assert (answer.status_code, answer.json()) == (
        403,
        {
            "error": "an API key does not administer teams and people; sign in as a person",
            "code": "SESSION_REQUIRED",
        },
    )
    assert Team.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": " "}, {"name": "x" * 156}, {"name": 5}])
def test_a_team_has_a_name(api: ApiCaller, body: dict[str, Any]) -> None:
    answer = api.post("teams", body)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["name"])
    if body.get("name") == " ":
        assert answer.json()["error"] == "name: must not begin or end with a space"
    assert Team.objects.count() == 1


def test_a_persons_teams_are_bounded(api: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teams, "MAX_TEAMS_OF_A_PERSON", 2)
    assert api.post("teams", {"name": "second"}).status_code == 201
    answer = api.post("teams", {"name": "third"})
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "you belong to 2 teams already; leave one first", "code": "TOO_MANY_TEAMS", "data": {"maximum": 2}},
    )
    assert "teams already; leave one first" in answer.json()["error"]


def test_renaming_a_team_is_told_once(api: ApiCaller, team: Team) -> None:
    for _ in range(2):
        answer = api.patch(f"teams/{team.id}", {"name": "renamed"})
        assert (answer.status_code, answer.json()["name"], answer.json()["role"]) == (200, "renamed", "owner")
    [entry] = AuditEntry.objects.filter(team_id=team.id)
    assert (entry.action, entry.before, entry.after) == ("team.updated", {"name": "ours"}, {"name": "renamed"})
    assert api.get(f"teams/{team.id}").json()["name"] == "renamed"


def test_the_path_names_the_team_whatever_the_header_says(api: ApiCaller, owner: User, team: Team) -> None:
    second = api.post("teams", {"name": "second"}).json()["id"]
    assert api.get(f"teams/{second}").json()["id"] == second
    assert api.get(f"teams/{second}", headers={"x-team-id": team.id}).json()["id"] == second
    assert refusal(api.get(f"teams/{second}", headers={"x-team-id": "tm_other"})) == (403, "TEAM_FORBIDDEN")


def test_a_team_that_is_not_ours_is_not_there(api: ApiCaller, other_team: Team) -> None:
    theirs = place(other_team, Role.OWNER, "theirs@example.com")
    answer = api.get(f"teams/{other_team.id}")
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        f"there is no team '{other_team.id}' that this credential reaches",
    )
    assert refusal(api.delete(f"teams/{other_team.id}/members/{theirs.id}")) == (404, "NOT_FOUND")
    assert roles(other_team) == {"theirs@example.com": "owner"}


# ---- Members


def test_a_colleague_is_added_at_once(api: ApiCaller, owner: User, team: Team) -> None:
    place(team, Role.VIEWER, "ada@example.com")
    second = Team.objects.get(pk=api.post("teams", {"name": "second"}).json()["id"])
    answer = api.post(f"teams/{second.id}/members", {"email": "Ada@Example.com", "role": "member"})
    assert answer.status_code == 201
    assert answer.json()["invitation"] is None
    added = answer.json()["member"]
    assert (added["email"], added["role"]) == ("ada@example.com", "member")
    assert roles(second) == {"owner@example.com": "owner", "ada@example.com": "member"}
    assert actions(second) == ["team.created", "member.added"]
    again = api.post(f"teams/{second.id}/members", {"email": "ada@example.com"})
    assert (again.status_code, again.json()) == (
        409,
        {
            "error": "ada@example.com belongs to the team already; change the role of that member",
            "code": "RESOURCE_ALREADY_EXISTS",
            "data": {"id": added["id"]},
        },
    )


def test_somebody_elses_account_is_invited_and_joins_with_its_own_password(
    api: ApiCaller, team: Team, other_team: Team
) -> None:
    """Otherwise whoever made an account for somebody's email would be let into every team that adds it."""
    user = place(other_team, Role.OWNER, "theirs@example.com")
    invitation = invite(api, team, "theirs@example.com", "viewer")
    assert roles(team) == {"owner@example.com": "owner"}
    refused = accept(invitation["token"], "not the password")
    assert (refused.status_code, refused.json()) == (
        401,
        {"error": "there is an account with the invited email: give its password", "code": "INVALID_CREDENTIALS"},
    )
    assert roles(team) == {"owner@example.com": "owner"}
    accepted = accept(invitation["token"], PASSWORD)
    assert accepted.status_code == 200
    assert {each["id"]: each["role"] for each in accepted.json()["teams"]} == {
        team.id: "viewer",
        other_team.id: "owner",
    }
    assert User.objects.get(email="theirs@example.com").id == user.id


def test_a_new_person_is_invited_and_makes_the_account_by_accepting(api: ApiCaller, team: Team) -> None:
    invitation = invite(api, team, "new@example.com")
    assert invitation["token"].startswith("fhi_")
    assert not User.objects.filter(email="new@example.com").exists()
    [listed] = api.get(f"teams/{team.id}/invitations").json()["models"]
    assert listed == {name: value for name, value in invitation.items() if name != "token"}
    assert invitation["token"] not in str(AuditEntry.objects.values_list())
    accepted = accept(invitation["token"], name="New Person")
    assert (accepted.status_code, accepted.headers["Cache-Control"]) == (200, "no-store")
    session = accepted.json()
    assert (session["user"]["email"], session["user"]["name"]) == ("new@example.com", "New Person")
    assert session["teams"] == [{"id": team.id, "name": "ours", "role": "member"}]
    assert ApiCaller(session["token"]).get("sources").status_code == 200
    login = ApiCaller().post("auth/login", {"email": "new@example.com", "password": NEW_PASSWORD})
    assert login.status_code == 200
    assert actions(team) == [
        "invitation.created",
        "invitation.accepted",
        "sign_in.succeeded",
        "sign_in.succeeded",
    ]
    assert api.get(f"teams/{team.id}/invitations").json()["models"] == []
    members = api.get(f"teams/{team.id}/members").json()
    assert [(each["email"], each["role"]) for each in members["models"]] == [
        ("new@example.com", "member"),
        ("owner@example.com", "owner"),
    ]


TOKEN_FAULT = "is no invitation that stands: it was used, revoked or has expired; ask for another one"


def test_a_token_is_good_once_and_not_for_ever(api: ApiCaller, team: Team) -> None:
    used, revoked, replaced, expired = (
        invite(api, team, f"{word}@example.com") for word in ("used", "revoked", "replaced", "expired")
    )
    assert accept(used["token"]).status_code == 200
    assert api.delete(f"teams/{team.id}/invitations/{revoked['id']}").status_code == 204
    invite(api, team, "replaced@example.com")
    Invitation.objects.filter(pk=expired["id"]).update(expires_at=utc_now() - timedelta(seconds=1))
    before = roles(team)
    tokens = [each["token"] for each in (used, revoked, replaced, expired)]
    for token in [*tokens, "fhi_" + "x" * 43, "nonsense"]:
        answer = accept(token)
        assert (answer.status_code, answer.json()["fields"]) == (422, {"token": [TOKEN_FAULT]})
    assert roles(team) == before
    assert [each["email"] for each in api.get(f"teams/{team.id}/invitations").json()["models"]] == [
        "replaced@example.com"
    ]


@pytest.mark.parametrize("password", ["short", "password1234"])
def test_a_weak_password_makes_no_account(api: ApiCaller, team: Team, password: str) -> None:
    invitation = invite(api, team, "new@example.com")
    answer = accept(invitation["token"], password)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["password"])
    assert answer.json()["error"].startswith("password: This password is too ")
    assert not User.objects.filter(email="new@example.com").exists()
    assert accept(invitation["token"]).status_code == 200


def test_guessing_at_an_invitation_is_slowed_down(api: ApiCaller, team: Team, settings: Any) -> None:
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 2
    token = "fhi_" + "y" * 43
    assert [accept(token).status_code for _ in range(3)] == [422, 422, 429]


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a b@example.com", 5, None, "x" * 250 + "@example.com"])
def test_an_invitation_needs_an_email(api: ApiCaller, team: Team, email: Any) -> None:
    answer = api.post(f"teams/{team.id}/members", {"email": email})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["email"])
    if email == "nobody":
        assert answer.json()["error"] == "email: must be an email address"


def test_a_role_changes_at_once(api: ApiCaller, team: Team) -> None:
    user = place(team, Role.VIEWER, "ada@example.com")
    theirs = person(user)
    assert refusal(theirs.post("sources", {"name": "a"})) == (403, "ROLE_READ_ONLY")
    answer = api.patch(f"teams/{team.id}/members/{user.id}", {"role": "member"})
    assert (answer.status_code, answer.json()["id"], answer.json()["role"]) == (200, user.id, "member")
    assert theirs.post("sources", {"name": "a"}).status_code == 201
    assert api.patch(f"teams/{team.id}/members/{user.id}", {"role": "member"}).status_code == 200
    [entry] = AuditEntry.objects.filter(team_id=team.id, action="member.updated")
    assert (entry.resource_id, entry.before, entry.after) == (user.id, {"role": "viewer"}, {"role": "member"})


def test_the_sessions_of_a_removed_member_lose_the_team_at_once(api: ApiCaller, team: Team) -> None:
    user = place(team, Role.MEMBER, "ada@example.com")
    theirs = person(user)
    assert theirs.get("sources").status_code == 200
    assert api.delete(f"teams/{team.id}/members/{user.id}").status_code == 204
    assert refusal(theirs.get("sources")) == (403, "TEAM_FORBIDDEN")
    assert refusal(theirs.get("sources", headers={"x-team-id": team.id})) == (403, "TEAM_FORBIDDEN")
    assert refusal(theirs.get(f"teams/{team.id}/members")) == (404, "NOT_FOUND")
    assert theirs.get("auth/me").json()["teams"] == []
    assert refusal(api.delete(f"teams/{team.id}/members/{user.id}")) == (404, "NOT_FOUND")
    [entry] = AuditEntry.objects.filter(team_id=team.id)
    assert (entry.action, entry.resource_name) == ("member.removed", "ada@example.com")


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_everybody_may_leave_and_only_owners_do_more(api: ApiCaller, owner: User, team: Team, role: Role) -> None:
    user, other = place(team, role, "ada@example.com"), place(team, Role.MEMBER, "other@example.com")
    theirs = person(user)
    code = "ROLE_READ_ONLY" if role == Role.VIEWER else "OWNER_REQUIRED"
    assert theirs.get(f"teams/{team.id}/members").json()["count"] == 3
    for method, path, body in (
        ("PATCH", f"teams/{team.id}", {"name": "x"}),
        ("POST", f"teams/{team.id}/members", {"email": "x@example.com"}),
        ("PATCH", f"teams/{team.id}/members/{user.id}", {"role": "owner"}),
        ("DELETE", f"teams/{team.id}/members/{other.id}", None),
    ):
        assert refusal(theirs.call(method, path, body)) == (403, code), path
    assert roles(team)["ada@example.com"] == role
    assert theirs.delete(f"teams/{team.id}/members/{user.id}").status_code == 204
    assert actions(team) == ["member.left"]


def test_an_owner_is_asked_for_in_words(team: Team) -> None:
    member = person(place(team, Role.MEMBER, "ada@example.com"))
    answer = member.patch(f"teams/{team.id}", {"name": "x"})
    assert answer.json()["error"] == "only an owner of the team may do this; ask one of them"


def test_an_api_key_reads_people_and_does_not_administer_them(client: ApiCaller, owner: User, team: Team) -> None:
    assert client.get(f"teams/{team.id}").json()["role"] is None
    assert client.get(f"teams/{team.id}/members").json()["models"][0]["email"] == "owner@example.com"
    for method, path, body in (
        ("PATCH", f"teams/{team.id}", {"name": "x"}),
        ("POST", f"teams/{team.id}/members", {"email": "x@example.com"}),
        ("PATCH", f"teams/{team.id}/members/{owner.id}", {"role": "member"}),
        ("DELETE", f"teams/{team.id}/members/{owner.id}", None),
        ("DELETE", f"teams/{team.id}/invitations/inv_1", None),
    ):
        assert refusal(client.call(method, path, body)) == (403, "SESSION_REQUIRED"), path
    assert actions(team) == []


def test_the_last_owner_stays_one(api: ApiCaller, owner: User, team: Team) -> None:
    gone = place(team, Role.OWNER, "gone@example.com")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    wanted = {
        "error": "the team's last owner can neither leave nor take another role; make somebody else an owner first",
        "code": "LAST_OWNER",
    }
    for answer in (
        api.delete(f"teams/{team.id}/members/{owner.id}"),
        api.patch(f"teams/{team.id}/members/{owner.id}", {"role": "member"}),
    ):
        assert (answer.status_code, answer.json()) == (409, wanted)
    assert (roles(team)["owner@example.com"], actions(team)) == ("owner", [])
    place(team, Role.OWNER, "second@example.com")
    assert api.delete(f"teams/{team.id}/members/{owner.id}").status_code == 204


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_an_owners_invitations_end_with_the_owner(api: ApiCaller, owner: User, team: Team, how: str) -> None:
    second = place(team, Role.OWNER, "second@example.com")
    kept, back = invite(api, team, "kept@example.com"), invite(person(second), team, "back@example.com", "owner")
    path = f"teams/{team.id}/members/{second.id}"
    assert (api.delete(path) if how == "removed" else api.patch(path, {"role": "member"})).status_code in (200, 204)
    assert accept(back["token"]).status_code == 422
    assert accept(kept["token"]).status_code == 200


def test_two_owners_who_demote_each_other_leave_one(transactional_db: None) -> None:
    team = make_team("ours")
    users = [place(team, Role.OWNER, f"{name}@example.com") for name in ("a", "b")]
    start, refused = threading.Barrier(2), []

    def demote(by: User, other: User) -> None:
        try:
            start.wait(5)
            change_role(team, other.id, Role.MEMBER, by=by)
        except FastHookError as error:
            refused.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in (users, users[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    left = sorted(roles(team).values())
    Membership.objects.all().delete()
    User.objects.all().delete()
    assert (left, refused) == (["member", "owner"], ["OWNER_REQUIRED"])


def test_an_account_made_in_the_same_moment_must_be_proven(
    api: ApiCaller, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = invite(api, team, "new@example.com")
    UserFactory(email="new@example.com")
    monkeypatch.setattr("teams.people.invitations._known_user", lambda *_, **__: None)
    with pytest.raises(FastHookError) as refused:
        accept_invitation(invitation["token"], NEW_PASSWORD, name="", client_ip="", now=utc_now())
    assert refused.value.code == "INVALID_CREDENTIALS"
    assert roles(team) == {"owner@example.com": "owner"}


@pytest.mark.parametrize("name", ["a\r\nBcc: b@example.com", "a\x1b[2J", "a\u2028b", "a\tb"])
def test_a_name_is_one_line(api: ApiCaller, team: Team, name: str) -> None:
    fault = ["must not contain line breaks or other control characters"]
    for refused in (api.patch(f"teams/{team.id}", {"name": name}), api.post("teams", {"name": name})):
        assert (refused.status_code, refused.json()["fields"]) == (422, {"name": fault})
    given = {"token": "fhi_none", "password": NEW_PASSWORD, "name": name}
    assert ApiCaller().post("auth/accept-invitation", given).json()["fields"] == {"name": fault}
    assert api.patch(f"teams/{team.id}", {"name": "Bäckerei & Söhne 👩\u200d💻"}).status_code == 200
