"""Sign-in over HTTP."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from fasthook.api.fields import read_input
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import iso, utc_now
from fasthook.lib.errors import Conflict
from teams.auth.answers import private_answer
from teams.auth.credentials import Credential, CredentialKind
from teams.auth.permissions import Authenticated, credential_of, memberships_of
from teams.auth.serializers import LoginInput, SessionOutput, WhoOutput, membership_answers, team_answer, user_answer
from teams.auth.sessions import Session, end_session, sign_in
from teams.people.invitations import accept_invitation
from teams.people.serializers import AcceptInput


class LoginViewSet(ApiViewSet):
    authentication_classes = []
    permission_classes = []

    @extend_schema(operation_id="login", tags=["auth"], request=LoginInput, responses=SessionOutput)
    def login(self, request: Request) -> Response:
        given = read_input(LoginInput, request.data)
        client_ip = request.META.get("REMOTE_ADDR", "")
        session = sign_in(given["email"], given["password"], client_ip=client_ip, now=utc_now())
        return _session_answer(session)


class AcceptViewSet(ApiViewSet):
    authentication_classes = []
    permission_classes = []

    @extend_schema(operation_id="accept_invitation", tags=["auth"], request=AcceptInput, responses={200: SessionOutput})
    def accept(self, request: Request) -> Response:
        """Puts you in the team that invited you, and signs you in."""
        given = read_input(AcceptInput, request.data)
        client_ip = request.META.get("REMOTE_ADDR", "")
        session = accept_invitation(
            given["token"], given["password"], name=given.get("name", ""), client_ip=client_ip, now=utc_now()
        )
        return _session_answer(session)


def _session_answer(session: Session) -> Response:
    user = session.row.user
    memberships = memberships_of(Credential(kind=CredentialKind.SESSION, user=user))
    return private_answer(
        {
            "token": session.token,
            "expires_at": iso(session.row.expires_at),
            "user": user_answer(user),
            "teams": membership_answers(memberships),
        }
    )


class SessionViewSet(ApiViewSet):
    permission_classes = [Authenticated]

    @extend_schema(operation_id="logout", tags=["auth"], request=None, responses={204: None})
    def logout(self, request: Request) -> Response:
        credential = credential_of(request)
        if credential.session_id is None:
            raise Conflict("an API key has no session to end; rotate it to make it invalid", code="NOT_A_SESSION")
        end_session(credential.session_id)
        return private_answer(status=204)

    @extend_schema(operation_id="who_am_i", tags=["auth"], responses=WhoOutput)
    def me(self, request: Request) -> Response:
        credential = credential_of(request)
        if credential.team is not None:
            teams = [team_answer(credential.team, None)]
        else:
            teams = membership_answers(memberships_of(credential))
        user = user_answer(credential.user) if credential.user else None
        return private_answer({"kind": credential.kind.value, "user": user, "teams": teams})
