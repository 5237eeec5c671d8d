"""Liveness and readiness. Ready means: the web process, Postgres and Redis answer, and every queue has a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse

log = structlog.get_logger(__name__)

QUEUES = ("route", "deliver", "bulk", "maintenance")
_ANNOUNCE_S = 2.0
_FORGET_S = 7


def livez(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything is there, else 503; `parts` says of each what is wrong, or "ok"."""
    parts = {"web": "ok", "database": _check(_ask_database), "redis": _check(_ask_redis)}
    for queue in QUEUES:
        parts[f"worker:{queue}"] = _check(lambda queue=queue: _ask_workers(queue))  # type: ignore[misc]
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
            log.warning("worker.unannounced", error=str(error))
        time.sleep(_ANNOUNCE_S)


def _check(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


def _ask_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _ask_redis() -> str:
    _redis().ping()
    return "ok"


def _ask_workers(queue: str) -> str:
    found = next(_redis().scan_iter(match=f"fasthook:worker:{queue}:*", count=1000), None)
    return "ok" if found is not None else f"no worker serves the queue {queue}"


def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
