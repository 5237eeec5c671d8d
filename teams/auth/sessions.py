"""Sessions: a password becomes a session token. Guessing is slowed down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction

from fasthook.lib.crypto import credential_digest
from fasthook.lib.errors import NotAuthenticated
from teams.auth.credentials import new_session_token
from teams.auth.sign_in_log import record_refused_sign_in, record_sign_in
from teams.auth.throttles import count_attempt
from teams.models import SessionToken, User


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh session; `token` is shown this once, only its digest is kept."""

    token: str
    row: SessionToken


def sign_in(email: str, password: str, *, client_ip: str, now: datetime) -> Session:
    """A session for the user with that password. NotAuthenticated, TooManyAttempts."""
    address = email.strip().lower()
    count_attempt(client_ip, address)
    # Django hashes the password of an unknown user too, so that the time does not tell who exists.
    user = authenticate(username=address, password=password)
    if not isinstance(user, User):
        record_refused_sign_in(address, now=now)
        raise NotAuthenticated("the email or the password is wrong", code="INVALID_CREDENTIALS")
    with transaction.atomic():
        user.session_tokens.filter(expires_at__lte=now).delete()
        record_sign_in(user)
        return create_session(user, now=now)


def create_session(user: User, *, now: datetime) -> Session:
    token = new_session_token()
    row = SessionToken.objects.create(
        user=user, digest=credential_digest(token), expires_at=now + timedelta(days=settings.SESSION_TOKEN_DAYS)
    )
    return Session(token=token, row=row)


def end_session(session_id: str) -> None:
    SessionToken.objects.filter(pk=session_id).delete()
