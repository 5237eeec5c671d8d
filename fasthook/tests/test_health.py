from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import redis
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import RequestFactory

from fasthook import health
from fasthook.health import QUEUES, livez, readyz
from fasthook.lib.heartbeat import TICK_KEY, TICK_TTL_S, note_tick
from fasthook.lib.single_flight import SingleFlight

pytestmark = pytest.mark.usefixtures("transactional_db")


def ask() -> tuple[int, dict[str, Any]]:
    answer = readyz(RequestFactory().get("/readyz"))
    return answer.status_code, json.loads(answer.content)


@pytest.fixture
def workers(transactional_db: None, settings: Any) -> redis.Redis:
    """Every queue has a worker, and beat ticks."""
    server = redis.Redis.from_url(settings.REDIS_URL)
    for queue in QUEUES:
        server.set(f"fasthook:worker:{queue}:one@host", 1)
    server.set(TICK_KEY, 1)
    return server


def test_alive_asks_nobody() -> None:
    assert livez(RequestFactory().get("/livez")).status_code == 200


def test_ready_means_every_part_is_there(workers: redis.Redis) -> None:
    status, body = ask()
    assert (status, body["ok"]) == (200, True)
    assert set(body["parts"].values()) == {"ok"}
    workers_of = {f"worker:{queue}" for queue in QUEUES}
    assert set(body["parts"]) == {"web", "database", "migrations", "redis", "beat", *workers_of}


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_without_a_worker_is_named(workers: redis.Redis, queue: str) -> None:
    workers.delete(f"fasthook:worker:{queue}:one@host")
    status, body = ask()
    assert (status, body["ok"]) == (503, False)
    faulty = {name: state for name, state in body["parts"].items() if state != "ok"}
    assert faulty == {f"worker:{queue}": f"no worker serves the queue {queue}"}


def test_a_beat_that_does_not_tick_is_named(workers: redis.Redis) -> None:
    workers.delete(TICK_KEY)
    status, body = ask()
    assert (status, body["parts"]["beat"]) == (503, "no tick for 15 s; beat is not running")


def test_ticks_that_nobody_does_are_not_blamed_on_beat(workers: redis.Redis) -> None:
    workers.delete(TICK_KEY, "fasthook:worker:maintenance:one@host")
    assert ask()[1]["parts"]["beat"] == "no tick for 15 s; ticks are the maintenance worker's to do"


def test_a_tick_is_known_for_a_while(workers: redis.Redis) -> None:
    workers.delete(TICK_KEY)
    note_tick()
    assert ask()[0] == 200
    assert 0 < workers.ttl(TICK_KEY) <= TICK_TTL_S


def test_a_tick_without_redis_harms_nobody(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = redis.Redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr("fasthook.lib.heartbeat._redis", lambda: client)
    note_tick()


def test_an_absent_redis_is_named_and_what_it_hides_is_unknown(workers: redis.Redis, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    status, body = ask()
    faulty = {name: state for name, state in body["parts"].items() if state != "ok"}
    hidden = {*(f"worker:{queue}" for queue in QUEUES), "beat"}
    assert (status, set(faulty)) == (503, {"redis", *hidden})
    assert faulty["redis"] == "does not answer (ConnectionError); the web process's log says more"
    assert {faulty[name] for name in hidden} == {"unknown while Redis does not answer"}


def test_an_absent_database_is_named_and_only_the_log_says_where_it_is(
    workers: redis.Redis, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> set[tuple[str, str]]:
        raise ConnectionError("no route to 10.0.0.5")

    monkeypatch.setattr(health, "_ask_database", fail)
    status, body = ask()
    told = "does not answer (ConnectionError); the web process's log says more"
    assert (status, body["parts"]["database"]) == (503, told)
    assert "no route to 10.0.0.5" in capfd.readouterr().err
    assert body["parts"]["migrations"] == "unknown while the database does not answer"


def test_a_database_that_hangs_is_named_in_time(workers: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    asked = SingleFlight(lambda: over.wait(30) and set(), patience_s=0.05)
    monkeypatch.setattr(health, "_applied_migrations", asked)
    try:
        assert ask()[1]["parts"]["database"].startswith("does not answer (TimeoutError); ")
    finally:
        over.set()


def test_a_migration_that_is_not_applied_is_named(workers: redis.Redis) -> None:
    last = next(name for app, name in health._last_migrations() if app == "events")
    MigrationRecorder(connection).record_unapplied("events", last)
    try:
        status, body = ask()
    finally:
        MigrationRecorder(connection).record_applied("events", last)
    assert (status, body["parts"]["database"]) == (503, "ok")
    assert body["parts"]["migrations"] == f"not applied: events.{last}"


def test_a_database_without_any_migration_says_so(workers: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_ask_database", set)
    state = ask()[1]["parts"]["migrations"]
    assert state.startswith("not applied: ")
    assert {app for app, _ in health._last_migrations()} == {name.split(".")[0] for name in state[13:].split(", ")}
