"""Signing in and out: a password becomes a session token, guessing is slowed down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
import structlog
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.cache import cache

from fasthook.lib.crypto import credential_digest
from fasthook.lib.errors import FastHookError, NotAuthenticated
from teams.credentials import new_session_token
from teams.models import SessionToken, User

log = structlog.get_logger(__name__)

_WINDOW_S = 60


class TooManyAttempts(FastHookError):
    status = 429
    code = "TOO_MANY_REQUESTS"


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh session; `token` is shown this once, only its digest is kept."""

    token: str
    row: SessionToken


def sign_in(email: str, password: str, *, client_ip: str, now: datetime) -> Session:
    """A session for the user with that password. NotAuthenticated, TooManyAttempts."""
    address = email.strip().lower()
    _count_attempt(client_ip, address)
    # Django hashes the password of an unknown user too, so that the time does not tell who exists.
    user = authenticate(username=address, password=password)
    if not isinstance(user, User):
        raise NotAuthenticated("the email or the password is wrong", code="INVALID_CREDENTIALS")
    user.session_tokens.filter(expires_at__lte=now).delete()
    return create_session(user, now=now)


def create_session(user: User, *, now: datetime) -> Session:
    token = new_session_token()
    row = SessionToken.objects.create(
        user=user, digest=credential_digest(token), expires_at=now + timedelta(days=settings.SESSION_TOKEN_DAYS)
    )
    return Session(token=token, row=row)


def end_session(session_id: str) -> None:
    SessionToken.objects.filter(pk=session_id).delete()


def _count_attempt(client_ip: str, address: str) -> None:
    """Without Redis attempts are not counted: signing in must not depend on a part that may vanish."""
    key = "login:" + hashlib.sha256(f"{client_ip}|{address}".encode()).hexdigest()
    try:
        attempts = 1 if cache.add(key, 1, timeout=_WINDOW_S) else cache.incr(key)
    except (redis.RedisError, OSError) as error:
        log.warning("login.uncounted", error=str(error))
        return
    except ValueError:
        return  # the window ended between the two calls
    if attempts > settings.LOGIN_ATTEMPTS_PER_MINUTE:
        raise TooManyAttempts("too many attempts to sign in; wait a minute", headers={"Retry-After": str(_WINDOW_S)})
