"""Fixtures of tests that bring committed work to one stage after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from events.delivery import worker
from events.delivery.worker import Deliverer
from events.routing.worker import Router
from events.tests.plane import make_plane
from events.tests.seed import Project
from fasthook.lib.sql import DataConnection


@pytest.fixture
def project(transactional_db: None) -> Project:
    """A team with one route."""
    return make_plane()


@pytest.fixture
def door(transactional_db: None) -> Iterator[DataConnection]:
    opened = DataConnection("test")
    yield opened
    opened.close()


@pytest.fixture
def router(transactional_db: None) -> Iterator[Router]:
    made = Router()
    yield made
    made.close()


@pytest.fixture
def brief_transformations(settings: Any) -> None:
    """They may take half of what they usually may. Before `router`, which makes the sandbox."""
    settings.TRANSFORM_CPU_S = 0.5


@pytest.fixture
def brisk_delivery(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receivers may be local. A drain ends as soon as it is idle, and looks around more often."""
    wait = Deliverer._wait

    async def brief(self: Deliverer, seconds: float) -> None:
        await wait(self, min(seconds, 0.02))

    settings.DELIVERY_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(Deliverer, "_wait", brief)
    monkeypatch.setattr(worker, "LINGER_S", 0.0)
