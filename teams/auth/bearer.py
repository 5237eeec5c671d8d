"""Bearer credentials: an API key or a session token in the Authorization header.

A token that cannot be one of ours costs no query. The digest is what is looked up, so the time it takes tells nothing.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from fasthook.lib.clock import utc_now
from fasthook.lib.crypto import credential_digest
from fasthook.lib.errors import NotAuthenticated
from teams.auth.credentials import API_KEY, SESSION_TOKEN, Credential, CredentialKind
from teams.models import ProjectSecrets, SessionToken, User

CHALLENGE = "Bearer"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer` with a project API key or a session token."""

    def authenticate(self, request: Request) -> tuple[User | None, Credential] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer":
            raise refused("the Authorization header must be of the form Bearer <API key or session token>")
        if API_KEY.fullmatch(token):
            credential = _api_key_credential(token)
        elif SESSION_TOKEN.fullmatch(token):
            credential = _session_credential(token)
        else:
            raise refused("the bearer token is neither an API key (fhp_...) nor a session token (fhs_...)")
        return credential.user, credential

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def refused(message: str, *, code: str = "NOT_AUTHENTICATED") -> NotAuthenticated:
    return NotAuthenticated(message, code=code, headers={"WWW-Authenticate": CHALLENGE})


def _api_key_credential(token: str) -> Credential:
    # Only these columns: the others are sealed, and opening them costs.
    secrets = ProjectSecrets.objects.filter(api_key_digest=credential_digest(token))
    found = secrets.select_related("team").only("api_key_id", "team").first()
    if found is None:
        raise refused(
            "the API key is not valid; it may have been rotated (GET /v1/project-secrets shows the current one)"
        )
    return Credential(kind=CredentialKind.API_KEY, team=found.team, key_id=found.api_key_id)


def _session_credential(token: str) -> Credential:
    session = SessionToken.objects.select_related("user").filter(digest=credential_digest(token)).first()
    if session is None or not session.user.is_active:
        raise refused("the session token is not valid; sign in again (POST /v1/auth/login)")
    if session.expires_at <= utc_now():
        raise refused("the session has expired; sign in again (POST /v1/auth/login)", code="SESSION_EXPIRED")
    return Credential(kind=CredentialKind.SESSION, user=session.user, session_id=session.id)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "teams.auth.bearer.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "fhp_... or fhs_..."}
