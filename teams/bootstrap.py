"""Bootstrap of an installation: the first team, its owner, secrets and a session.

Running it again changes nothing that still works. What was only ever shown once (password, session token) is made anew
when the credentials file that kept it is gone.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction

from fasthook.lib.crypto import credential_digest
from teams.auth.sessions import create_session
from teams.models import Membership, ProjectSecrets, Role, SessionToken, Team, User
from teams.secrets.services import create_project_secrets

FIRST_TEAM = "default"
FIRST_EMAIL = "admin@fasthook.local"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials file. `password` is null once its owner has changed it."""

    base_url: str
    team_id: str
    email: str
    password: str | None
    api_key: str
    signing_secret: str
    session_token: str
    source_url: str


@dataclass(frozen=True, slots=True)
class FirstAccount:
    team: Team
    user: User
    secrets: ProjectSecrets
    password: str | None
    session_token: str
    notes: tuple[str, ...]


@transaction.atomic
def ensure_first_account(known: Credentials | None, *, now: datetime) -> FirstAccount:
    """The first team with an owner who can sign in. `known` is what the credentials file says, None without one."""
    notes: list[str] = []
    team = _first_team(known) or Team.objects.create(name=FIRST_TEAM)
    project_secrets = ProjectSecrets.objects.filter(team=team).first() or create_project_secrets(team, now=now)
    user, password = _owner(team, known, notes)
    return FirstAccount(
        team=team,
        user=user,
        secrets=project_secrets,
        password=password,
        session_token=_session_token(user, known, now=now, notes=notes),
        notes=tuple(notes),
    )


def read_credentials(path: Path) -> Credentials | None:
    """None when there is no file, or none that this version wrote."""
    try:
        return Credentials(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(credentials), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _first_team(known: Credentials | None) -> Team | None:
    named = Team.objects.filter(id=known.team_id).first() if known else None
    return named or Team.objects.order_by("id").first()


def _owner(team: Team, known: Credentials | None, notes: list[str]) -> tuple[User, str | None]:
    owners = Membership.objects.filter(team=team, role=Role.OWNER).select_related("user").order_by("id")
    owner = (owners.filter(user__email=known.email).first() if known else None) or owners.first()
    if owner is None:
        password = secrets.token_urlsafe(18)
        user = User.objects.create_superuser(FIRST_EMAIL, password)
        Membership.objects.create(team=team, user=user, role=Role.OWNER)
        return user, password
    user = owner.user
    if known is None or known.email != user.email:
        password = secrets.token_urlsafe(18)
        user.set_password(password)
        user.save(update_fields=["password"])
        notes.append(f"the credentials file was gone: {user.email} has a new password and a new session token")
        return user, password
    if known.password is None or not user.check_password(known.password):
        notes.append(f"{user.email} has another password than this file was written with; it is left as it is")
        return user, None
    return user, known.password


def _session_token(user: User, known: Credentials | None, *, now: datetime, notes: list[str]) -> str:
    if known is not None:
        digest = credential_digest(known.session_token)
        if SessionToken.objects.filter(user=user, digest=digest, expires_at__gt=now).exists():
            return known.session_token
        notes.append("the session token in the credentials file had ended: here is a new one")
    return create_session(user, now=now).token
