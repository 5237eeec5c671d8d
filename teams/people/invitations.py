"""Invitations: made by an owner, who hands the token to the person; accepted with it and the account's password.

FastHook sends no mail here, so a token is shown once and only its digest is kept. Who has no account yet makes it by
accepting; who has one proves it by its password, so that an owner cannot take an account over by inviting it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from fasthook.lib.crypto import credential_digest
from fasthook.lib.errors import InvalidInput, NotAuthenticated, invalid
from teams.audit.log import Subject, record
from teams.audit.request_context import member
from teams.auth.credentials import INVITATION_TOKEN, new_invitation_token
from teams.auth.sessions import Session, create_session
from teams.auth.sign_in_log import record_refused_sign_in, record_sign_in
from teams.auth.throttles import count_attempt
from teams.models import Invitation, Membership, Role, Team, User
from teams.people.members import add_colleague, lock_team
from teams.scoping import for_team, get_for_team

VALID_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Invited:
    """A fresh invitation; `token` is shown this once."""

    token: str
    row: Invitation


@transaction.atomic
def add_or_invite(team: Team, email: str, role: Role, *, by: User, now: datetime) -> Membership | Invited:
    """A colleague's place, or the invitation of anybody else; an earlier one of the same email ends.

    Forbidden when `by` is no owner any more; Conflict RESOURCE_ALREADY_EXISTS.
    """
    lock_team(team, owner=by)
    membership = add_colleague(team, email, role, by=by)
    if membership is not None:
        return membership
    Invitation.objects.filter(team=team, expires_at__lte=now).delete()
    Invitation.objects.filter(team=team, email=email).delete()
    token = new_invitation_token()
    row = Invitation.objects.create(
        team=team,
        email=email,
        role=role,
        digest=credential_digest(token),
        invited_by=by,
        expires_at=now + timedelta(days=VALID_DAYS),
    )
    record(member(by), "invitation.created", subject_of(row), after={"role": role.value})
    return Invited(token, row)


@transaction.atomic
def revoke_invitation(team: Team, invitation_id: str, *, by: User) -> None:
    """NotFound; Forbidden when `by` is no owner any more."""
    lock_team(team, owner=by)
    row = get_for_team(for_team(Invitation, team), invitation_id)
    record(member(by), "invitation.revoked", subject_of(row), before={"role": row.role})
    row.delete()


def accept_invitation(token: str, password: str, *, name: str, client_ip: str, now: datetime) -> Session:
    """A session of the person, who is in the team from now on; `name` is that of a new account.

    InvalidInput naming `token` or `password`; NotAuthenticated when there is an account with another password;
    TooManyAttempts.
    """
    digest = credential_digest(token)
    count_attempt(client_ip, digest)
    invitation = _find(digest, now=now) if INVITATION_TOKEN.fullmatch(token) else None
    if invitation is None:
        raise _invalid_token()
    user = _known_user(invitation.email, password, client_ip=client_ip, now=now)
    if user is None:
        _judge_password(password, invitation.email)
    with transaction.atomic():
        lock_team(invitation.team, owner=None)
        current = _find(digest, now=now)
        if current is None:
            raise _invalid_token()
        user = user or _create_user(current.email, password, name=name)
        Membership.objects.get_or_create(team=current.team, user=user, defaults={"role": current.role})
        record(member(user), "invitation.accepted", subject_of(current), after={"role": current.role})
        current.delete()
        record_sign_in(user)
        return create_session(user, now=now)


def subject_of(row: Invitation) -> Subject:
    return Subject(row.team_id, "invitation", row.id, row.email)


def _find(digest: str, *, now: datetime) -> Invitation | None:
    return Invitation.objects.filter(digest=digest, expires_at__gt=now).select_related("team").first()


def _known_user(email: str, password: str, *, client_ip: str, now: datetime) -> User | None:
    """The account of that email, or None when there is none. NotAuthenticated for another password."""
    if not User.objects.filter(email=email).exists():
        return None
    count_attempt(client_ip, email)
    user = authenticate(username=email, password=password)
    if isinstance(user, User):
        return user
    record_refused_sign_in(email, now=now)
    raise _wrong_password()


def _create_user(email: str, password: str, *, name: str) -> User:
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, name=name)
    except IntegrityError:
        # Made in this moment, by accepting an invitation of another team.
        raise _wrong_password() from None


def _judge_password(password: str, email: str) -> None:
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise InvalidInput(f"password: {error.messages[0]}", fields={"password": error.messages}) from None


def _invalid_token() -> InvalidInput:
    return invalid("token", "is no invitation that stands: it was used, revoked or has expired; ask for another one")


def _wrong_password() -> NotAuthenticated:
    return NotAuthenticated("there is an account with the invited email: give its password", code="INVALID_CREDENTIALS")
