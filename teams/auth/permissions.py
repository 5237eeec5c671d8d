"""Permissions: which team a call speaks for, and whether its credential and role may do what it asks."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from fasthook.lib.errors import Forbidden, InvalidInput, NotFound, invalid
from teams.audit.request_context import act_as, who_is
from teams.auth.credentials import Actor, Credential
from teams.models import Membership, Role, Team, User


class TeamRequest(Request):
    """A request that TeamPermission let through."""

    team: Team
    actor: Actor


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


class OwnTeamPermission(TeamPermission):
    """The path decides, also where the x-team-id header names another team that the credential reaches.

    A team that it does not reach is one that there is not (404). Everybody may give up their own place.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if request.method not in SAFE_METHODS and not _leaves(request):
            require_owner(request.actor)  # type: ignore[attr-defined]
        return True

    def select(self, request: Request, view: Any, credential: Credential) -> tuple[Team, Actor]:
        named, in_path = requested_team_id(request), str(view.kwargs["team_id"])
        if named is not None:
            select_team(credential, named)
        try:
            return select_team(credential, in_path)
        except Forbidden:
            shown = in_path[:100]
            raise NotFound(f"there is no team {shown!r} that this credential reaches", data={"id": shown}) from None

    def allows_viewer(self, request: Request) -> bool:
        return super().allows_viewer(request) or _leaves(request)


def require_owner(actor: Actor) -> None:
    if actor.user is None:
        raise session_required()
    if actor.role != Role.OWNER:
        raise owner_required()


def session_required() -> Forbidden:
    return Forbidden("an API key does not administer teams and people; sign in as a person", code="SESSION_REQUIRED")


def owner_required() -> Forbidden:
    return Forbidden("only an owner of the team may do this; ask one of them", code="OWNER_REQUIRED")


def _leaves(request: Request) -> bool:
    """Somebody ends their own membership."""
    named = request.parser_context["kwargs"].get("user_id")
    return request.method == "DELETE" and isinstance(request.user, User) and named == request.user.id
