"""Refusals that are not about what a body means: bytes that are no body, credentials, hosts, our own faults."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from django.test import Client

from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import ProjectSecrets, Role, SessionToken, Team
from teams.tests.factories import MembershipFactory
from tests.world import make_world


def told(response: Any) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["code"], body["error"]


INVALID = (422, "INVALID_INPUT")
BODIES: dict[str, tuple[bytes, tuple[int, str], str]] = {
    "no JSON": (b"{", (400, "MALFORMED_JSON"), "the body is not JSON: "),
    "a list": (b"[]", INVALID, "body: must be a JSON object"),
    "a NUL": (b'{"name": "a\\u0000"}', INVALID, "name: must not contain NUL characters"),
    "a NUL in a name": (
        b'{"a\\u0000": 1}',
        INVALID,
        "body: must not contain NUL characters in the name of a field",
    ),
    "too deep": (b'{"a":' + b"[" * 65 + b"]" * 65 + b"}", INVALID, "a: is nested deeper than 64 levels"),
    "too large": (
        b'{"a":"' + b"x" * 1024 * 1024 + b'"}',
        (413, "PAYLOAD_TOO_LARGE"),
        "the body is larger than 1048576 bytes",
    ),
}


@pytest.mark.parametrize(("body", "refusal", "error"), BODIES.values(), ids=BODIES)
def test_bytes_that_are_no_body(client: ApiCaller, body: bytes, refusal: tuple[int, str], error: str) -> None:
    status, code, text = told(client.put("sources", body))
    assert (status, code) == refusal
    assert text.startswith(error)


def test_a_body_that_says_it_is_something_else(client: ApiCaller) -> None:
    response = Client().put("/v1/sources", b"name=a", content_type="text/plain", headers=client.headers)
    assert told(response) == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "the body must be JSON: send Content-Type: application/json",
    )


def test_an_answer_that_nobody_would_take(client: ApiCaller) -> None:
    response = client.get("sources", headers={"Accept": "text/html"})
    assert told(response)[:2] == (406, "NOT_ACCEPTABLE")


TOKENS = {
    "": "credentials are missing: send Authorization: Bearer with an API key or a session token",
    "Basic dXNlcjpwYXNz": "the Authorization header must be of the form Bearer <API key or session token>",
    "Bearer nonsense": "the bearer token is neither an API key (fhp_...) nor a session token (fhs_...)",
    "Bearer fhp_" + "x" * 43: (
        "the API key is not valid; it may have been rotated (GET /v1/project-secrets shows the current one)"
    ),
    "Bearer fhs_" + "x" * 43: "the session token is not valid; sign in again (POST /v1/auth/login)",
}


@pytest.mark.parametrize(("header", "error"), TOKENS.items())
def test_credentials_that_are_none(db: None, header: str, error: str) -> None:
    response = ApiCaller().get("sources", headers={"Authorization": header} if header else {})
    assert told(response) == (401, "NOT_AUTHENTICATED", error)


def test_sessions_and_roles(team: Team, other_team: Team) -> None:
    user = MembershipFactory(team=team).user
    caller = ApiCaller(create_session(user, now=utc_now()).token)
    assert told(caller.get("sources", headers={"x-team-id": other_team.id})) == (
        403,
        "TEAM_FORBIDDEN",
        f"this credential does not reach team {other_team.id}",
    )
    MembershipFactory(team=other_team, user=user, role=Role.VIEWER)
    assert told(caller.get("sources")) == (
        422,
        "TEAM_REQUIRED",
        "you belong to several teams: say which with the x-team-id header (or team_id in the query)",
    )
    assert told(caller.post("sources", {"name": "a"}, headers={"x-team-id": other_team.id})) == (
        403,
        "ROLE_READ_ONLY",
        "viewers may only read; ask an owner of the team for another role",
    )
    SessionToken.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    assert told(caller.get("sources")) == (
        401,
        "SESSION_EXPIRED",
        "the session has expired; sign in again (POST /v1/auth/login)",
    )


def test_somebody_without_a_team(db: None) -> None:
    from teams.tests.factories import UserFactory

    caller = ApiCaller(create_session(UserFactory(), now=utc_now()).token)
    assert told(caller.get("sources")) == (403, "TEAM_FORBIDDEN", "you belong to no team")


def test_a_team_without_secrets(team: Team) -> None:
    caller = ApiCaller(create_session(MembershipFactory(team=team).user, now=utc_now()).token)
    ProjectSecrets.objects.all().delete()
    missing = (404, "NOT_FOUND", "this team has no project secrets")
    assert told(caller.get("project-secrets")) == missing
    assert told(caller.post("project-secrets/rotate", {})) == missing


def test_too_many_sign_ins(db: None, settings: Any) -> None:
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 0
    response = ApiCaller().post("auth/login", {"email": "one@example.com", "password": "wrong"})
    status, code, error = told(response)
    assert (status, code) == (429, "TOO_MANY_REQUESTS")
    assert error == f"too many attempts to sign in; wait {response.headers['Retry-After']} s"


def test_a_host_that_is_not_ours(db: None) -> None:
    response = Client(raise_request_exception=False).get("/v1/sources", headers={"Host": "evil.example.com"})
    assert told(response) == (
        400,
        "BAD_REQUEST",
        "the request is malformed, or its Host header is not one of ALLOWED_HOSTS",
    )


@pytest.mark.parametrize(
    ("fault", "status", "code", "error"),
    [
        (RuntimeError("secret"), 500, "INTERNAL_ERROR", "something went wrong on our side; it has been logged"),
        (OperationalError("secret"), 503, "DATABASE_UNAVAILABLE", "the database does not answer; try again"),
        (Http404("secret"), 404, "NOT_FOUND", "not found"),
        (RequestDataTooBig("secret"), 413, "PAYLOAD_TOO_LARGE", "the body is larger than 1048576 bytes"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_fails_inside_a_view(
    client: ApiCaller, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int, code: str, error: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr("sources.services.create_source", fail)
    assert told(client.post("sources", {"name": "a"})) == (status, code, error)


def test_what_fails_outside_the_views_of_the_api(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("fasthook.openapi.view.document", fail)
    crashed = told(ApiCaller().get("schema"))
    assert crashed == (500, "INTERNAL_ERROR", "something went wrong on our side; it has been logged")


METRICS = "metrics/requests?from=now-1h&to=now&granularity=1m"


def test_metrics_of_too_many_points(client: ApiCaller, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    make_world(team)
    monkeypatch.setattr("metrics.reading.answering.MAX_POINTS", 0)
    assert told(client.get(METRICS)) == (
        422,
        "INVALID_INPUT",
        "dimensions[]: makes more than 0 points (buckets times groups); ask for fewer dimensions, a coarser granularity"
        " or a shorter range, or filter",
    )


def test_metrics_that_take_too_long(client: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(*_: Any, **__: Any) -> None:
        raise OperationalError("canceling statement") from psycopg.errors.QueryCanceled()

    monkeypatch.setattr("metrics.reading.answering._fetch", cancelled)
    monkeypatch.setattr("metrics.reading.answering.MAX_READ_S", 8)
    assert told(client.get(METRICS)) == (
        422,
        "RANGE_TOO_WIDE",
        "this takes longer than 8 s: ask for a shorter range or a coarser granularity",
    )
