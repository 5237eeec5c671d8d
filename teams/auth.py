"""Who is calling, which team they speak for, and whether they may: bearer credentials, team selection, roles.

A token that cannot be one of ours costs no query. The digest is what is looked up, so the time it takes tells nothing.
"""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from fasthook.lib.clock import utc_now
from fasthook.lib.crypto import credential_digest
from fasthook.lib.errors import Forbidden, InvalidInput, NotAuthenticated, invalid
from teams.calls import act_as, who_is
from teams.credentials import API_KEY, SESSION_TOKEN, Actor, Credential, CredentialKind
from teams.models import Membership, ProjectSecrets, Role, SessionToken, Team, User

CHALLENGE = "Bearer"


class TeamRequest(Request):
    """A request that TeamPermission let through."""

    team: Team
    actor: Actor


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


def credential_of(request: Request) -> Credential:
    """What authenticated a request that a permission of this module let through."""
    return cast(Credential, request.auth)


def requested_team_id(request: Request) -> str | None:
    """The team that the call names, by header or query. InvalidInput when both do and differ."""
    header = request.META.get("HTTP_X_TEAM_ID", "").strip()
    query = request.query_params.get("team_id", "").strip()
    if header and query and header != query:
        raise invalid("team_id", "names another team than the x-team-id header; send one of them")
    return header or query or None


def select_team(credential: Credential, wanted: str | None) -> tuple[Team, Actor]:
    """The team that a call works on and who acts in it. Forbidden when the credential does not reach it."""
    if credential.team is not None:
        if wanted not in (None, credential.team.id):
            raise _unreachable(wanted)
        return credential.team, Actor(kind=credential.kind, role=Role.MEMBER, user=None, key_id=credential.key_id)
    memberships = memberships_of(credential)
    chosen = [each for each in memberships if each.team_id == wanted] if wanted else memberships
    if not chosen:
        raise _unreachable(wanted)
    if len(chosen) > 1:
        ids = [each.team_id for each in memberships]
        raise InvalidInput(
            "you belong to several teams: say which with the x-team-id header (or team_id in the query)",
            code="TEAM_REQUIRED",
            fields={"x-team-id": ["is required"]},
            data={"team_ids": ids},
        )
    return chosen[0].team, Actor(kind=credential.kind, role=Role(chosen[0].role), user=credential.user)


def memberships_of(credential: Credential) -> list[Membership]:
    if credential.user is None:
        return []
    return list(Membership.objects.filter(user=credential.user).select_related("team").order_by("team_id"))


def _unreachable(wanted: str | None) -> Forbidden:
    message = f"this credential does not reach team {wanted[:100]}" if wanted else "you belong to no team"
    return Forbidden(message, code="TEAM_FORBIDDEN")


class Authenticated(BasePermission):
    """Any valid credential; selects no team."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Credential)


class TeamPermission(BasePermission):
    """Selects the team (`request.team`, `request.actor`); viewers read only."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Credential):
            return False
        team, actor = self.select(request, view, request.auth)
        if actor.reads_only and not self.allows_viewer(request):
            raise Forbidden("viewers may only read; ask an owner of the team for another role", code="ROLE_READ_ONLY")
        request.team, request.actor = team, actor  # type: ignore[attr-defined]
        act_as(who_is(actor))
        return True

    def select(self, request: Request, view: Any, credential: Credential) -> tuple[Team, Actor]:
        return select_team(credential, requested_team_id(request))

    def allows_viewer(self, request: Request) -> bool:
        return request.method in SAFE_METHODS


class SecretsPermission(TeamPermission):
    """Like TeamPermission, but what is read here are credentials: not for viewers."""

    def allows_viewer(self, request: Request) -> bool:
        return False


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "teams.auth.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "fhp_... or fhs_..."}
