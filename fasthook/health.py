"""Liveness and readiness. Ready means: the web process, a migrated Postgres and Redis answer, every queue has a
worker, and beat ticks. No part is waited for longer than a health check waits, so the answer can name what is missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from psycopg import Connection

from fasthook.lib.heartbeat import TICK_KEY, TICK_TTL_S
from fasthook.lib.single_flight import SingleFlight
from fasthook.lib.sql import DataConnection

log = structlog.get_logger(__name__)

QUEUES = ("route", "deliver", "bulk", "maintenance")
_PATIENCE_S = 2.0
_ANNOUNCE_S = 2.0
_FORGET_S = 7


def livez(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything is there, else 503; `parts` says of each what is wrong, or "ok"."""
    parts = {"web": "ok", **_database_parts(), **_redis_parts()}
    ok = all(state == "ok" for state in parts.values())
    response = JsonResponse({"ok": ok, "parts": parts}, status=200 if ok else 503)
    # Not ready is an answer, not a fault: Django would log it as an error.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def announce_worker(hostname: str, queues: list[str]) -> None:
    """Says every two seconds, from a thread of its own, that a worker of these queues is alive."""
    threading.Thread(target=_announce, args=(hostname, queues), name="announce", daemon=True).start()


def _announce(hostname: str, queues: list[str]) -> None:
    client = _redis()
    while True:
        try:
            for queue in queues:
                client.set(f"fasthook:worker:{queue}:{hostname}", 1, ex=_FORGET_S)
        except redis.RedisError as error:
            log.warning("worker.announce_failed", error=str(error))
        time.sleep(_ANNOUNCE_S)


def _database_parts() -> dict[str, str]:
    applied: set[tuple[str, str]] = set()

    def ask() -> str:
        applied.update(_applied_migrations())
        return "ok"

    database = _check("database", ask)
    if database != "ok":
        return {"database": database, "migrations": "unknown while the database does not answer"}
    missing = sorted(f"{app}.{name}" for app, name in _last_migrations() - applied)
    return {"database": "ok", "migrations": f"not applied: {', '.join(missing)}" if missing else "ok"}


def _redis_parts() -> dict[str, str]:
    names = [*(f"worker:{queue}" for queue in QUEUES), "beat"]
    try:
        return {"redis": "ok", **_ask_redis()}
    except Exception as error:
        return {"redis": _told("redis", error), **dict.fromkeys(names, "unknown while Redis does not answer")}


def _check(part: str, ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception as error:
        return _told(part, error)


def _told(part: str, error: Exception) -> str:
    """Anybody may call it: which hosts and users there are is for the log."""
    log.warning("readiness.part_failed", part=part, error=str(error))
    return f"does not answer ({type(error).__name__}); the web process's log says more"


def _ask_database() -> set[tuple[str, str]]:
    """The migrations that are applied; none when nothing was migrated yet. On a new connection: those in use may be
    the only ones that still work."""
    database = DataConnection("health")
    try:
        return database.run(_read_migrations)
    finally:
        database.close()


def _read_migrations(connection: Connection[Any]) -> set[tuple[str, str]]:
    if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
        return set()
    return {(app, name) for app, name in connection.execute("SELECT app, name FROM django_migrations")}


_applied_migrations = SingleFlight(lambda: _ask_database(), patience_s=_PATIENCE_S)


@lru_cache(maxsize=1)
def _last_migrations() -> set[tuple[str, str]]:
    """Of each app, as this release's files have them; those they need are applied before them."""
    return set(MigrationLoader(None).graph.leaf_nodes())


def _ask_redis() -> dict[str, str]:
    """What Redis knows of workers and beat."""
    with _redis() as client:
        served = {key.split(b":")[2].decode() for key in client.scan_iter(match="fasthook:worker:*", count=1000)}
        ticked = client.exists(TICK_KEY)
    parts = {f"worker:{queue}": "ok" if queue in served else f"no worker serves the queue {queue}" for queue in QUEUES}
    late = f"no tick for {TICK_TTL_S} s; beat is not running"
    if "maintenance" not in served:
        late = f"no tick for {TICK_TTL_S} s; ticks are the maintenance worker's to do"
    return {**parts, "beat": "ok" if ticked else late}


def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
