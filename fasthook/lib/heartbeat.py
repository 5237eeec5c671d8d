"""The heartbeat of beat: a key in Redis that runs out, written by the tick, read by readiness."""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings

TICK_KEY = "fasthook:ticked"
TICK_TTL_S = 15


def note_tick() -> None:
    """Never raises. That Redis is away is logged where stages are nudged."""
    try:
        _redis().set(TICK_KEY, 1, ex=TICK_TTL_S)
    except redis.RedisError:
        return


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
