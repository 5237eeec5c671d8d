"""Fixtures that every app's tests share: two teams, and a caller of the API for each.

Imports nothing of Django at the top: pytest reads this before the settings are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from teams.models import Team


class ApiCaller:
    """Calls /v1 with one credential: `caller.post("sources", {...})`. The body goes as JSON, None sends none."""

    def __init__(self, token: str | None = None, *, team_id: str | None = None, prefix: str = "/v1/") -> None:
        from django.conf import settings
        from django.test import Client

        # collectstatic makes it in production; WhiteNoise warns where it is missing, and warnings fail tests.
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        self.http = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        if team_id:
            self.headers["x-team-id"] = team_id
        self.prefix = prefix

    def call(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        sent = body if isinstance(body, bytes | str) else b"" if body is None else json.dumps(body)
        return self.http.generic(
            method,
            f"{self.prefix}{path}",
            sent,
            content_type="application/json",
            headers={**self.headers, **(headers or {})},
        )

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        return self.call("POST", path, body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        return self.call("PUT", path, body, **kwargs)

    def patch(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        return self.call("PATCH", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        return self.call("DELETE", path, **kwargs)


def caller_for(team: Team) -> ApiCaller:
    """A caller with the team's API key."""
    return ApiCaller(team.secrets.api_key, team_id=team.id)


@pytest.fixture
def team(db: None) -> Team:
    from teams.tests.factories import TeamFactory

    made: Team = TeamFactory(name="ours")
    return made


@pytest.fixture
def other_team(db: None) -> Team:
    from teams.tests.factories import TeamFactory

    made: Team = TeamFactory(name="theirs")
    return made


@pytest.fixture
def client(team: Team) -> ApiCaller:
    """Speaks for `team`."""
    return caller_for(team)


@pytest.fixture
def stranger(other_team: Team) -> ApiCaller:
    """Speaks for `other_team`: whatever belongs to `team` does not exist for it."""
    return caller_for(other_team)


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were woken, noted at once and instead of messages to Celery."""
    from django.db import transaction

    from fasthook.lib import nudge

    woken: list[str] = []

    def note(stage: str) -> bool:
        woken.append(stage)
        return True

    monkeypatch.setattr(nudge, "nudge", note)
    monkeypatch.setattr(transaction, "on_commit", lambda callback: callback())
    return woken
