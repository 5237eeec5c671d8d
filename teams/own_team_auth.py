"""Who may call the routes under /teams/:team_id: the team is the one in the path, and its owners alone change it.

Reading is for everybody in the team, its API key included; people are administered by people.
"""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from fasthook.lib.errors import Forbidden, NotFound
from teams.auth import TeamPermission, requested_team_id, select_team
from teams.credentials import Actor, Credential
from teams.models import Role, Team, User


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
