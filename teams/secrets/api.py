"""Project secrets over HTTP."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from fasthook.api.fields import read_input
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.answers import private_answer
from teams.auth.permissions import SecretsPermission, TeamRequest
from teams.secrets.serializers import RotateInput, SecretsInput, SecretsOutput, secrets_answer
from teams.secrets.services import get_project_secrets, put_project_secrets, rotate_project_secrets


class ProjectSecretsViewSet(ApiViewSet):
    permission_classes = [SecretsPermission]

    @extend_schema(operation_id="get_project_secrets", tags=["project secrets"], responses=SecretsOutput)
    def retrieve(self, request: TeamRequest) -> Response:
        return private_answer(secrets_answer(get_project_secrets(request.team)))

    @extend_schema(
        operation_id="put_project_secrets", tags=["project secrets"], request=SecretsInput, responses=SecretsOutput
    )
    def replace(self, request: TeamRequest) -> Response:
        given = read_input(SecretsInput, request.data)
        row = put_project_secrets(
            request.team,
            api_key=given.get("api_key"),
            signing_secret=given.get("signing_secret"),
            now=utc_now(),
        )
        return private_answer(secrets_answer(row))

    @extend_schema(
        operation_id="rotate_project_secrets", tags=["project secrets"], request=RotateInput, responses=SecretsOutput
    )
    def rotate(self, request: TeamRequest) -> Response:
        given = read_input(RotateInput, request.data)
        return private_answer(secrets_answer(rotate_project_secrets(request.team, given.get("rotate"), now=utc_now())))
