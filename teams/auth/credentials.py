"""The credentials as text: how they are made, what they look like, and who is speaking with a bearer credential."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from teams.models import Role, Team, User

API_KEY_PREFIX = "fhp_"
SESSION_PREFIX = "fhs_"
INVITATION_PREFIX = "fhi_"

# `fh_api_` is the spelling of a guide; an operator may bring a key of that form along.
API_KEY = re.compile(r"(?:fhp|fh_api)_[A-Za-z0-9_-]{32,200}")
SESSION_TOKEN = re.compile(r"fhs_[A-Za-z0-9_-]{43}")
INVITATION_TOKEN = re.compile(r"fhi_[A-Za-z0-9_-]{43}")


class CredentialKind(StrEnum):
    API_KEY = "api_key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Credential:
    """What authenticated a call: an API key (its team, no user), or a session (its user, no team yet)."""

    kind: CredentialKind
    user: User | None = None
    team: Team | None = None
    session_id: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in the selected team. An API key acts as a member without a user."""

    kind: CredentialKind
    role: Role
    user: User | None
    key_id: str | None = None

    @property
    def reads_only(self) -> bool:
        return self.role == Role.VIEWER

    @property
    def label(self) -> str:
        return self.user.email if self.user else self.kind.value


def new_api_key() -> str:
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def new_session_token() -> str:
    return SESSION_PREFIX + secrets.token_urlsafe(32)


def new_invitation_token() -> str:
    return INVITATION_PREFIX + secrets.token_urlsafe(32)
