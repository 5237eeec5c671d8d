"""Fixtures that the tests of every room share: two teams with a route each, and the stages as a test drives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from events.tests.seeded import history, readable  # noqa: F401 - fixtures
from events.tests.stages import brief_transformations, brisk_delivery, door, project, router  # noqa: F401 - fixtures
from events.tests.tracing import then  # noqa: F401 - fixture
from fasthook.testing import ApiCaller
from tests.receiver import local_receiver  # noqa: F401 - fixture

if TYPE_CHECKING:
    from events.tests.seed import Project


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def team(db: None, now: datetime) -> Project:
    from events.tests.seed import make_project

    return make_project("team", now=now)


@pytest.fixture
def other_team(db: None, now: datetime) -> Project:
    from events.tests.seed import make_project

    return make_project("other", now=now)


@pytest.fixture
def api(team: Project) -> ApiCaller:
    """Speaks for `team`."""
    return ApiCaller(team.api_key, prefix="")
