from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from django.test import RequestFactory

from fasthook import health
from fasthook.health import QUEUES, livez, readyz

pytestmark = pytest.mark.usefixtures("transactional_db")


def ask() -> tuple[int, dict[str, Any]]:
    answer = readyz(RequestFactory().get("/readyz"))
    return answer.status_code, json.loads(answer.content)


@pytest.fixture
def workers(transactional_db: None, settings: Any) -> redis.Redis:
    """Every queue has a worker."""
    server = redis.Redis.from_url(settings.REDIS_URL)
    for queue in QUEUES:
        server.set(f"fasthook:worker:{queue}:one@host", 1)
    return server


def test_alive_asks_nobody() -> None:
    assert livez(RequestFactory().get("/livez")).status_code == 200


def test_ready_means_every_part_is_there(workers: redis.Redis) -> None:
    status, body = ask()
    assert (status, body["ok"]) == (200, True)
    assert set(body["parts"].values()) == {"ok"}
    assert set(body["parts"]) == {"web", "database", "redis", *(f"worker:{queue}" for queue in QUEUES)}


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_without_a_worker_is_named(workers: redis.Redis, queue: str) -> None:
    workers.delete(f"fasthook:worker:{queue}:one@host")
    status, body = ask()
    assert (status, body["ok"]) == (503, False)
    faulty = {name: state for name, state in body["parts"].items() if state != "ok"}
    assert faulty == {f"worker:{queue}": f"no worker serves the queue {queue}"}


def test_an_absent_redis_is_named_and_so_are_the_workers_it_hides(workers: redis.Redis, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    status, body = ask()
    faulty = {name for name, state in body["parts"].items() if state != "ok"}
    assert (status, faulty) == (503, {"redis", *(f"worker:{queue}" for queue in QUEUES)})


def test_an_absent_database_is_named(workers: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(health, "_ask_database", fail)
    status, body = ask()
    assert (status, body["parts"]["database"]) == (503, "ConnectionError: no route")
