"""Guessing passwords, slowed down: attempts are counted per address of the caller and of the account."""

from __future__ import annotations

import hashlib

import redis
import structlog
from django.conf import settings
from django.core.cache import cache

from fasthook.lib.errors import FastHookError

log = structlog.get_logger(__name__)

_WINDOW_S = 60


class TooManyAttempts(FastHookError):
    status = 429
    code = "TOO_MANY_REQUESTS"


def count_attempt(client_ip: str, email: str) -> None:
    """TooManyAttempts beyond LOGIN_ATTEMPTS_PER_MINUTE.

    Without Redis attempts are not counted: signing in must not depend on a part that may vanish.
    """
    key = "login:" + hashlib.sha256(f"{client_ip}|{email}".encode()).hexdigest()
    try:
        attempts = 1 if cache.add(key, 1, timeout=_WINDOW_S) else cache.incr(key)
    except (redis.RedisError, OSError) as error:
        log.warning("login.uncounted", error=str(error))
        return
    except ValueError:
        return  # the window ended between the two calls
    if attempts > settings.LOGIN_ATTEMPTS_PER_MINUTE:
        raise TooManyAttempts("too many attempts to sign in; wait a minute", headers={"Retry-After": str(_WINDOW_S)})
