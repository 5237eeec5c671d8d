from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from events.tests.seed import Project, make_project


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def team(db: None, now: datetime) -> Project:
    return make_project("team", now=now)


@pytest.fixture
def other_team(db: None, now: datetime) -> Project:
    return make_project("other", now=now)


@pytest.fixture
def api(team: Project) -> APIClient:
    """A client that speaks for `team`."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {team.api_key}")
    return client
