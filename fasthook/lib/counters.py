"""Counting calls in windows of time, in Redis: one round trip however many counters, and None when Redis is away.

What the counts mean and who is refused is decided elsewhere. Nothing may depend on Redis, so callers let pass then.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

# A window begins with its first call. Answers {count, milliseconds left} of each key.
_COUNT = """
local counted = {}
for index, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  if count == 1 then redis.call('PEXPIRE', key, ARGV[1]) end
  counted[index] = {count, redis.call('PTTL', key)}
end
return counted
"""
_TIMEOUT_S = 0.25
# After a fault nobody waits for Redis for that long: a frozen one would cost every call the timeout.
_REST_S = 2.0
_resting_until = 0.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls in the window that runs, this one included, and when it ends."""

    count: int
    left_ms: int

    @property
    def left_s(self) -> int:
        """Whole seconds, at least one."""
        return max(1, -(-self.left_ms // 1000))


def count_calls(keys: Sequence[str], *, window_s: int) -> list[Counted] | None:
    """Counts one call for each key; None when Redis does not answer."""
    global _resting_until
    if time.monotonic() < _resting_until:
        return None
    try:
        counted: Any = _script()(keys=[f"fasthook:count:{key}" for key in keys], args=[window_s * 1000])
    except (redis.RedisError, OSError) as error:
        _resting_until = time.monotonic() + _REST_S
        log.warning("calls.count_failed", error=str(error))
        return None
    return [Counted(count=int(count), left_ms=int(left)) for count, left in counted]


@lru_cache(maxsize=1)
def _script() -> Any:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
    return client.register_script(_COUNT)
