"""Teams, their members and invitations over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from fasthook.api.describe import page_parameters, refusals
from fasthook.api.fields import read_input
from fasthook.api.filters import read_params, refuse_unknown
from fasthook.api.pagination import MAX_LIMIT, PARAMETERS, paginate
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.permissions import Authenticated, OwnTeamPermission, TeamRequest, credential_of, session_required
from teams.models import Invitation, Membership, Role, Team, User
from teams.people.invitations import add_or_invite, revoke_invitation
from teams.people.members import change_role, remove_member
from teams.people.serializers import (
    INVITATION_LIST,
    MEMBER_LIST,
    TEAM_LIST,
    AddedOutput,
    MemberInput,
    MemberOutput,
    NewMemberInput,
    TeamDetailOutput,
    TeamInput,
    added_answer,
    invitation_answer,
    member_answer,
    team_detail,
)
from teams.people.teams import create_team, rename_team
from teams.scoping import for_team

TAGS = ["teams"]
TEAM_ORDERS = {"created_at": "created_at", "updated_at": "updated_at", "name": "name"}
# A user's id is as old as the account: the order of a team's people does not change.
MEMBER_ORDERS = {"created_at": "id", "email": "email"}
INVITATION_ORDERS = {"created_at": "id"}


class TeamsViewSet(ApiViewSet):
    permission_classes = [Authenticated]

    @extend_schema(
        operation_id="list_teams",
        tags=TAGS,
        parameters=page_parameters(orders=list(TEAM_ORDERS), max_limit=MAX_LIMIT),
        responses=TEAM_LIST,
    )
    def list(self, request: Request) -> Response:
        """The teams that the credential reaches."""
        credential = credential_of(request)
        if credential.team is not None:
            rows, roles = Team.objects.filter(pk=credential.team.pk), {}
        else:
            rows = Team.objects.filter(memberships__user=credential.user)
            roles = dict(Membership.objects.filter(user=credential.user).values_list("team_id", "role"))
        holder = credential.key_id if credential.user is None else credential.user.id
        page = paginate(rows, params=_list_params(request), resource="teams", orders=TEAM_ORDERS, signature=[holder])
        return Response(page.answer([team_detail(team, roles.get(team.id)) for team in page.rows]))

    @extend_schema(
        operation_id="create_team", tags=TAGS, request=TeamInput, responses={201: TeamDetailOutput, **refusals(403)}
    )
    def create(self, request: Request) -> Response:
        """With project secrets and default alert rules; whoever asks, a person, is its owner."""
        refuse_unknown(request.query_params, ["team_id"])
        user = credential_of(request).user
        if user is None:
            raise session_required()
        given = read_input(TeamInput, request.data)
        return Response(team_detail(create_team(user, given["name"], now=utc_now()), Role.OWNER.value), status=201)


class TeamViewSet(ApiViewSet):
    permission_classes = [OwnTeamPermission]

    @extend_schema(operation_id="get_team", tags=TAGS, responses=TeamDetailOutput)
    def retrieve(self, request: TeamRequest, team_id: str) -> Response:
        return Response(team_detail(request.team, _role(request)))

    @extend_schema(operation_id="update_team", tags=TAGS, request=TeamInput, responses=TeamDetailOutput)
    def update(self, request: TeamRequest, team_id: str) -> Response:
        """Owners only, as everything here that changes something."""
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(TeamInput, request.data)
        return Response(team_detail(rename_team(request.team, given["name"], by=_person(request)), _role(request)))


class MemberViewSet(ApiViewSet):
    permission_classes = [OwnTeamPermission]

    @extend_schema(
        operation_id="list_team_members",
        tags=TAGS,
        parameters=page_parameters(orders=list(MEMBER_ORDERS), max_limit=MAX_LIMIT),
        responses=MEMBER_LIST,
    )
    def list(self, request: TeamRequest, team_id: str) -> Response:
        page = paginate(
            User.objects.filter(memberships__team=request.team),
            params=_list_params(request),
            resource="members",
            orders=MEMBER_ORDERS,
            signature=[request.team.id],
        )
        shown = Membership.objects.filter(team=request.team, user__in=page.rows).select_related("user")
        places = {each.user_id: each for each in shown}
        return Response(page.answer([member_answer(places[user.id]) for user in page.rows if user.id in places]))

    @extend_schema(operation_id="add_team_member", tags=TAGS, request=NewMemberInput, responses={201: AddedOutput})
    def add(self, request: TeamRequest, team_id: str) -> Response:
        """Adds who shares a team with you; anybody else is invited, and gets the token from you."""
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(NewMemberInput, request.data)
        role = Role(given["role"])
        added = add_or_invite(request.team, given["email"], role, by=_person(request), now=utc_now())
        return Response(added_answer(added), status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(operation_id="update_team_member", tags=TAGS, request=MemberInput, responses=MemberOutput)
    def update(self, request: TeamRequest, team_id: str, user_id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        role = Role(read_input(MemberInput, request.data)["role"])
        return Response(member_answer(change_role(request.team, user_id, role, by=_person(request))))

    @extend_schema(operation_id="remove_team_member", tags=TAGS, request=None, responses={204: None})
    def remove(self, request: TeamRequest, team_id: str, user_id: str) -> Response:
        """An owner removes anybody; everybody may leave."""
        refuse_unknown(request.query_params, ["team_id"])
        remove_member(request.team, user_id, by=_person(request))
        return Response(status=204)


class InvitationViewSet(ApiViewSet):
    permission_classes = [OwnTeamPermission]

    @extend_schema(
        operation_id="list_team_invitations",
        tags=TAGS,
        parameters=page_parameters(orders=list(INVITATION_ORDERS), max_limit=MAX_LIMIT),
        responses=INVITATION_LIST,
    )
    def list(self, request: TeamRequest, team_id: str) -> Response:
        """Those that stand, without their tokens."""
        page = paginate(
            for_team(Invitation, request.team).filter(expires_at__gt=utc_now()),
            params=_list_params(request),
            resource="invitations",
            orders=INVITATION_ORDERS,
            signature=[request.team.id],
        )
        return Response(page.answer([invitation_answer(row) for row in page.rows]))

    @extend_schema(operation_id="revoke_team_invitation", tags=TAGS, request=None, responses={204: None})
    def revoke(self, request: TeamRequest, team_id: str, invitation_id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        revoke_invitation(request.team, invitation_id, by=_person(request))
        return Response(status=204)


def _list_params(request: Any) -> Mapping[str, str]:
    params = read_params(request.query_params)
    refuse_unknown(params, [*PARAMETERS, "team_id"])
    return params


def _person(request: TeamRequest) -> User:
    """OwnTeamPermission lets nobody else change anything."""
    return cast(User, request.actor.user)


def _role(request: TeamRequest) -> str | None:
    return request.actor.role.value if request.actor.user else None
