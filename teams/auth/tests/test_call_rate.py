"""The API's rate per credential: what every answer says of it, where it ends, whom it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from fasthook.lib import counters
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import ProjectSecrets, Role, Team
from teams.tests.factories import MembershipFactory


@pytest.fixture(autouse=True)
def _counting(services: object, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.API_RATE_PER_MINUTE = 3
    monkeypatch.setattr(counters, "_resting_until", 0.0)
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.flushdb()


def test_every_answer_says_what_is_left(client: ApiCaller) -> None:
    for path, status, left in (("sources", 200, "2"), ("sources/none", 404, "1"), ("sources?limit=0", 422, "0")):
        response = client.get(path)
        assert response.status_code == status
        for prefix in ("RateLimit", "X-RateLimit"):
            assert (response.headers[f"{prefix}-Limit"], response.headers[f"{prefix}-Remaining"]) == ("3", left)
            assert 1 <= int(response.headers[f"{prefix}-Reset"]) <= 60


def test_beyond_the_rate_calls_are_429_and_change_nothing(client: ApiCaller, team: Team) -> None:
    for _ in range(3):
        client.get("sources")
    refused = client.post("project-secrets/rotate", {})
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
    seconds = int(refused.headers["Retry-After"])
    assert refused.json()["data"] == {"limit": 3, "retry_after_s": seconds}
    assert refused.json()["error"] == f"too many calls with this credential, 3 a minute are allowed; wait {seconds} s"
    assert (refused.headers["RateLimit-Remaining"], refused.headers["RateLimit-Reset"]) == ("0", str(seconds))
    assert ProjectSecrets.objects.get(team=team).api_key == team.secrets.api_key


def test_keys_are_counted_apart_and_a_persons_sessions_together(
    client: ApiCaller, stranger: ApiCaller, team: Team
) -> None:
    user = MembershipFactory(team=team).user
    sessions = [ApiCaller(create_session(user, now=utc_now()).token) for _ in range(2)]
    assert client.get("sources").headers["RateLimit-Remaining"] == "2"
    assert stranger.get("sources").headers["RateLimit-Remaining"] == "2"
    assert [each.get("sources").headers["RateLimit-Remaining"] for each in sessions] == ["2", "1"]


def test_zero_counts_nothing(client: ApiCaller, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 0
    responses = [client.get("sources") for _ in range(5)]
    assert {response.status_code for response in responses} == {200}
    assert "RateLimit-Limit" not in responses[0].headers


def test_without_redis_everybody_passes(client: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise redis.ConnectionError("nobody there")

    monkeypatch.setattr(counters, "_script", lambda: fail)
    assert [client.get("sources").status_code for _ in range(5)] == [200] * 5


def test_what_no_credential_made_is_not_counted(db: None) -> None:
    assert [ApiCaller().get("sources").status_code for _ in range(5)] == [401] * 5


def test_calls_that_the_team_or_the_role_forbids_count_too(team: Team, other_team: Team) -> None:
    viewer = MembershipFactory(team=team, role=Role.VIEWER).user
    caller = ApiCaller(create_session(viewer, now=utc_now()).token)
    strange = caller.get("sources", headers={"x-team-id": other_team.id})
    assert (strange.status_code, strange.headers["RateLimit-Remaining"]) == (403, "2")
    writes = [caller.post("sources", {"name": "a"}) for _ in range(3)]
    assert [each.status_code for each in writes] == [403, 403, 429]
    assert writes[0].headers["RateLimit-Remaining"] == "1"
