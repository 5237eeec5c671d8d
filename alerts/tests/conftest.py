from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fasthook.testing import ApiCaller
from tests.receiver import local_receiver  # noqa: F401 - fixture

if TYPE_CHECKING:
    from events.tests.seed import Project


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def project(db: None, now: datetime) -> Project:
    """A team with one route and no alert rules."""
    from alerts.tests.seed import make_bare_project

    return make_bare_project("team", now=now)


@pytest.fixture
def other_project(db: None, now: datetime) -> Project:
    from alerts.tests.seed import make_bare_project

    return make_bare_project("other", now=now)


@pytest.fixture
def api(project: Project) -> ApiCaller:
    """Speaks for `project`."""
    return ApiCaller(project.api_key)


@pytest.fixture
def other_api(other_project: Project) -> ApiCaller:
    return ApiCaller(other_project.api_key)
