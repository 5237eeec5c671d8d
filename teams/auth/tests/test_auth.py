from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.contrib.auth.hashers import make_password
from django.core.cache import cache

from fasthook.lib import counters
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.credentials import new_api_key, new_session_token
from teams.auth.sessions import create_session
from teams.auth.throttles import TooManyAttempts, count_attempt
from teams.models import Membership, Role, SessionToken, Team, User
from teams.tests.factories import PASSWORD, MembershipFactory, UserFactory


@pytest.fixture
def owner(team: Team) -> User:
    found: User = MembershipFactory(team=team).user
    return found


def session_of(user: User) -> str:
    return create_session(user, now=utc_now()).token


MALFORMED = [
    "Bearer",
    "Bearer ",
    "Basic dXNlcjpwYXNz",
    "Bearer nonsense",
    "Bearer fhp_short",
    "Bearer fhp_" + "x" * 500,
    "Bearer fhs_" + "ü" * 43,
    "Bearer fhs_" + "x" * 42,
]


@pytest.mark.parametrize("header", MALFORMED)
def test_a_malformed_credential_is_refused_without_a_query(
    db: None, django_assert_num_queries: Any, header: str
) -> None:
    with django_assert_num_queries(0):
        response = ApiCaller().get("sources", headers={"Authorization": header})
    assert (response.status_code, response.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_no_credential_is_refused_without_a_query(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = ApiCaller().get("sources")
    assert (response.status_code, response.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", [new_api_key(), new_session_token()], ids=["api-key", "session"])
def test_an_unknown_credential_is_refused(db: None, token: str) -> None:
    response = ApiCaller(token).get("sources")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert token not in response.content.decode()


def test_an_api_key_needs_no_team_header_and_reaches_only_its_team(team: Team, other_team: Team) -> None:
    caller = ApiCaller(team.secrets.api_key)
    assert caller.get("sources").status_code == 200
    assert caller.get(f"sources?team_id={team.id}").status_code == 200
    for response in (
        caller.get("sources", headers={"x-team-id": other_team.id}),
        caller.get(f"sources?team_id={other_team.id}"),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "TEAM_FORBIDDEN")


def test_header_and_query_must_not_name_different_teams(team: Team, other_team: Team) -> None:
    caller = ApiCaller(team.secrets.api_key, team_id=team.id)
    response = caller.get(f"sources?team_id={other_team.id}")
    assert (response.status_code, list(response.json()["fields"])) == (422, ["team_id"])


def test_a_session_of_one_team_needs_no_header(owner: User, team: Team) -> None:
    caller = ApiCaller(session_of(owner))
    created = caller.post("sources", {"name": "a"})
    assert (created.status_code, created.json()["team_id"]) == (201, team.id)


def test_a_session_of_several_teams_must_say_which(owner: User, team: Team, other_team: Team) -> None:
    token = session_of(owner)
    MembershipFactory(team=other_team, user=owner)
    response = ApiCaller(token).get("sources")
    assert (response.status_code, response.json()["code"]) == (422, "TEAM_REQUIRED")
    assert list(response.json()["fields"]) == ["x-team-id"]
    for each in (team, other_team):
        assert ApiCaller(token, team_id=each.id).post("sources", {"name": "a"}).json()["team_id"] == each.id


def test_a_session_does_not_reach_another_team(owner: User, other_team: Team) -> None:
    response = ApiCaller(session_of(owner), team_id=other_team.id).get("sources")
    assert (response.status_code, response.json()["code"]) == (403, "TEAM_FORBIDDEN")


def test_a_session_without_any_team_is_forbidden(db: None) -> None:
    response = ApiCaller(session_of(UserFactory())).get("sources")
    assert (response.status_code, response.json()["code"]) == (403, "TEAM_FORBIDDEN")


def test_an_expired_session_says_so(owner: User) -> None:
    token = session_of(owner)
    SessionToken.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    response = ApiCaller(token).get("sources")
    assert (response.status_code, response.json()["code"]) == (401, "SESSION_EXPIRED")


def test_the_session_of_an_inactive_user_ends(owner: User) -> None:
    token = session_of(owner)
    User.objects.update(is_active=False)
    assert ApiCaller(token).get("sources").status_code == 401


def test_a_viewer_reads_and_changes_nothing(team: Team) -> None:
    caller = ApiCaller(session_of(MembershipFactory(team=team, role=Role.VIEWER).user))
    assert caller.get("sources").status_code == 200
    for method, path in (("POST", "sources"), ("PUT", "sources"), ("PATCH", "sources/x"), ("DELETE", "sources/x")):
        response = caller.call(method, path, {"name": "a"})
        assert (response.status_code, response.json()["code"]) == (403, "ROLE_READ_ONLY")
    assert caller.get("sources/count").json() == {"count": 0}


def test_a_key_of_the_fan_in_guides_spelling_works(client: ApiCaller) -> None:
    key = "fh_api_" + "k" * 32
    assert client.put("project-secrets", {"api_key": key}).status_code == 200
    assert ApiCaller(key).get("sources").status_code == 200


@pytest.fixture
def clean_cache() -> None:
    cache.clear()


@pytest.mark.usefixtures("clean_cache")
class TestLogin:
    def test_the_right_password_opens_a_session(self, owner: User, team: Team) -> None:
        response = ApiCaller().post("auth/login", {"email": owner.email.upper(), "password": PASSWORD})
        answer = response.json()
        assert response.status_code == 200
        assert set(answer) == {"token", "expires_at", "user", "teams"}
        assert answer["token"].startswith("fhs_")
        assert answer["user"] == {"id": owner.id, "email": owner.email, "name": ""}
        assert answer["teams"] == [{"id": team.id, "name": "ours", "role": "owner"}]
        assert response.headers["Cache-Control"] == "no-store"
        assert ApiCaller(answer["token"]).get("sources").status_code == 200
        assert answer["token"] not in str(SessionToken.objects.values_list()[0])

    def test_without_the_version_it_works_too(self, owner: User) -> None:
        caller = ApiCaller(prefix="/")
        assert caller.post("auth/login", {"email": owner.email, "password": PASSWORD}).status_code == 200

    def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(self, owner: User) -> None:
        wrong = ApiCaller().post("auth/login", {"email": owner.email, "password": "wrong"})
        unknown = ApiCaller().post("auth/login", {"email": "nobody@example.com", "password": "wrong"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "INVALID_CREDENTIALS")
        assert (unknown.status_code, unknown.json()) == (401, wrong.json())
        assert not SessionToken.objects.exists()

    def test_an_unknown_user_costs_a_hash_as_well(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        hashed: list[str] = []
        monkeypatch.setattr(User, "set_password", lambda self, password: hashed.append(password))
        ApiCaller().post("auth/login", {"email": "nobody@example.com", "password": "guess"})
        assert hashed == ["guess"]

    def test_an_inactive_user_cannot_sign_in(self, owner: User) -> None:
        User.objects.update(is_active=False)
        assert ApiCaller().post("auth/login", {"email": owner.email, "password": PASSWORD}).status_code == 401

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"password": "x"}, "email"),
            ({"email": "a@b.c"}, "password"),
            ({"email": 1, "password": "x"}, "email"),
            ({"email": "a@b.c", "password": "x" * 1025}, "password"),
        ],
    )
    def test_a_faulty_body_names_the_field(self, db: None, body: dict[str, Any], field: str) -> None:
        response = ApiCaller().post("auth/login", body)
        assert (response.status_code, list(response.json()["fields"])) == (422, [field])

    def test_guessing_is_slowed_down_per_email(self, owner: User, settings: Any) -> None:
        settings.LOGIN_ATTEMPTS_PER_MINUTE = 3
        wrong = {"email": owner.email, "password": "wrong"}
        assert [ApiCaller().post("auth/login", wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
        refused = ApiCaller().post("auth/login", {"email": owner.email, "password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
        assert int(refused.headers["Retry-After"]) >= 1
        assert ApiCaller().post("auth/login", {"email": "other@example.com", "password": "x"}).status_code == 401

    def test_guessing_one_account_from_many_addresses_is_slowed_down(self, owner: User, settings: Any) -> None:
        settings.LOGIN_ATTEMPTS_PER_MINUTE = 1
        for number in range(10):
            count_attempt(f"10.0.0.{number}", owner.email)
        with pytest.raises(TooManyAttempts):
            count_attempt("10.0.1.0", owner.email)
        count_attempt("10.0.1.0", "other@example.com")

    def test_guessing_many_accounts_from_one_address_is_slowed_down(self, db: None, settings: Any) -> None:
        settings.LOGIN_ATTEMPTS_PER_MINUTE = 1
        for number in range(10):
            count_attempt("10.0.0.1", f"user{number}@example.com")
        with pytest.raises(TooManyAttempts):
            count_attempt("10.0.0.1", "user10@example.com")
        count_attempt("10.0.0.2", "user10@example.com")

    def test_it_works_without_redis(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_: object) -> None:
            raise redis.ConnectionError("nobody there")

        monkeypatch.setattr(counters, "_script", lambda: fail)
        monkeypatch.setattr(counters, "_resting_until", 0.0)
        response = ApiCaller().post("auth/login", {"email": owner.email, "password": PASSWORD})
        assert response.status_code == 200


def test_logging_out_ends_the_session(owner: User) -> None:
    token = session_of(owner)
    assert ApiCaller(token).post("auth/logout").status_code == 204
    assert ApiCaller(token).get("auth/me").status_code == 401


def test_an_api_key_has_no_session_to_end(client: ApiCaller) -> None:
    response = client.post("auth/logout")
    assert (response.status_code, response.json()["code"]) == (409, "NOT_A_SESSION")


def test_me_says_who_is_calling(owner: User, team: Team, client: ApiCaller) -> None:
    person = ApiCaller(session_of(owner)).get("auth/me").json()
    assert person == {
        "kind": "session",
        "user": {"id": owner.id, "email": owner.email, "name": ""},
        "teams": [{"id": team.id, "name": "ours", "role": "owner"}],
    }
    machine = client.get("auth/me").json()
    assert machine == {"kind": "api_key", "user": None, "teams": [{"id": team.id, "name": "ours", "role": None}]}


def test_a_membership_that_ends_takes_effect_at_once(owner: User, team: Team) -> None:
    caller = ApiCaller(session_of(owner), team_id=team.id)
    assert caller.get("sources").status_code == 200
    Membership.objects.all().delete()
    assert caller.get("sources").status_code == 403


def test_a_new_password_ends_every_session(owner: User, team: Team) -> None:
    caller = ApiCaller(session_of(owner), team_id=team.id)
    owner.set_password("another horse battery")
    owner.save()
    assert caller.get("sources").status_code == 401
    assert ApiCaller(session_of(owner), team_id=team.id).get("sources").status_code == 200


def test_without_a_password_no_session_is_left(owner: User, team: Team) -> None:
    caller = ApiCaller(session_of(owner), team_id=team.id)
    owner.set_unusable_password()
    owner.save()
    assert caller.get("sources").status_code == 401


def test_a_better_hash_of_the_same_password_ends_no_session(owner: User, team: Team) -> None:
    owner.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    owner.save(update_fields=["password"])
    caller = ApiCaller(session_of(owner), team_id=team.id)
    assert User.objects.get(pk=owner.pk).check_password(PASSWORD)
    assert User.objects.get(pk=owner.pk).password.startswith("argon2")
    assert caller.get("sources").status_code == 200
