"""Fixtures that every app's tests share: two teams, and a caller of the API for each.

Imports nothing of Django at the top: pytest reads this before the settings are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from teams.models import Team

ROOT = Path(__file__).resolve().parent.parent


class ApiCaller:
    """Calls /v1 with one credential: `caller.post("sources", {...})`. The body goes as JSON, None sends none."""

    def __init__(self, token: str | None = None, *, team_id: str | None = None, prefix: str = "/v1/") -> None:
        from django.test import Client

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


def make_team(name: str) -> Team:
    from fasthook.lib.clock import utc_now
    from teams.models import Team
    from teams.secrets.services import create_project_secrets

    made = Team.objects.create(name=name)
    create_project_secrets(made, now=utc_now())
    return made


@pytest.fixture
def team(db: None) -> Team:
    return make_team("ours")


@pytest.fixture
def other_team(db: None) -> Team:
    return make_team("theirs")


@pytest.fixture
def client(team: Team) -> ApiCaller:
    """Speaks for `team`."""
    return caller_for(team)


@pytest.fixture
def stranger(other_team: Team) -> ApiCaller:
    """Speaks for `other_team`: whatever belongs to `team` does not exist for it."""
    return caller_for(other_team)


@pytest.fixture
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """In place of pytest-django's: the database for code that commits on connections of its own.

    Afterwards every row is deleted and Redis emptied; that takes a tenth of the time of truncating all tables.
    """
    from teams.models import ConfigVersion

    with django_db_blocker.unblock():
        ConfigVersion.objects.get_or_create(id=1)
        _empty_redis()
        yield
        _delete_rows()
        _empty_redis()


def _delete_rows() -> None:
    from django.db import connection

    tables = (
        "requests events event_payloads attempts transformation_executions route_job delivery_job destination_lease"
        " deduplication_key discarded_requests backtest bulk_operation bulk_outcome connections_connection"
        " connections_transformation"
        " destinations_destination sources_source teams_projectsecrets alerts_alert alerts_notification"
        " alerts_rule alerts_channel teams_team teams_auditentry"
        # After the evidence, whose removal its triggers note.
        " metrics_rollup metrics_requests_minute metrics_requests_hour metrics_requests_late metrics_events_minute"
        " metrics_events_hour metrics_events_late metrics_attempts_minute metrics_attempts_hour metrics_attempts_late"
        " metrics_queue"
    )
    with connection.cursor() as cursor:
        # Threads that have ended leave their connections of Django's behind.
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'fasthook' AND pid <> pg_backend_pid()"
        )
        cursor.execute(";".join(f"DELETE FROM {table}" for table in tables.split()))  # noqa: S608 - names of ours


def _empty_redis() -> None:
    import redis
    from django.conf import settings

    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.flushdb()


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
