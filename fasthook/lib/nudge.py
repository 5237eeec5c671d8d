"""Waking a stage: at most one waiting Celery message per stage, sent after commit, allowed to get lost.

The rows are the work; a nudge only says that there is some. Beat nudges every second whatever happens, so a lost one
costs at most that. The "waiting" mark is a Redis key that the stage removes when it begins: what arrives later wakes
it again.
"""

from __future__ import annotations

from functools import lru_cache

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

# Stage name -> Celery task and queue. Names only: the kernel imports no stage.
STAGES = {
    "route": ("events.tasks.route", "route"),
    "deliver": ("events.tasks.deliver", "deliver"),
    "settle": ("events.tasks.settle", "maintenance"),
}

# A mark whose message was lost (Redis flushed in between, a worker killed) stops nobody for longer than this.
_MARK_TTL_MS = 1000


def nudge_after_commit(stage: str) -> None:
    transaction.on_commit(lambda: nudge(stage))


def nudge(stage: str) -> bool:
    """Wakes the stage unless a message for it waits already. False when it did not send one; never raises."""
    task, queue = STAGES[stage]
    try:
        if not _redis().set(_mark(stage), 1, nx=True, px=_MARK_TTL_MS):
            return False
        current_app.send_task(task, queue=queue, ignore_result=True, retry=False)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("nudge.lost", stage=stage, error=str(error))
        return False
    return True


def begin(stage: str) -> None:
    """The stage begins: from here on, new work may wake another worker."""
    try:
        _redis().delete(_mark(stage))
    except redis.RedisError as error:
        log.warning("nudge.unmarked", stage=stage, error=str(error))


def _mark(stage: str) -> str:
    return f"fasthook:nudged:{stage}"


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
