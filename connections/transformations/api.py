"""Transformations over HTTP, and trying code out."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from connections.models import Transformation
from connections.sandbox.jobs import RunStatus
from connections.transformations import code_run, services
from connections.transformations.selectors import TransformationFilter
from connections.transformations.serializers import (
    RunInput,
    RunOutput,
    TransformationInput,
    TransformationOutput,
    ValidateInput,
    ValidateOutput,
)
from connections.transformations.services import TransformationFields
from fasthook.api.describe import describe_resource
from fasthook.api.fields import read_input
from fasthook.api.filters import refuse_unknown
from fasthook.api.parsers import LargeJSONParser
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.config.views import ResourceViewSet
from teams.scoping import for_team, get_for_team


@describe_resource(
    "Transformation", reads=TransformationInput, shows=TransformationOutput, filters=TransformationFilter, actions=()
)
class TransformationViewSet(ResourceViewSet):
    model = Transformation
    reads = TransformationInput
    shows = TransformationOutput
    filters = TransformationFilter
    parser_classes = (LargeJSONParser,)

    def create(self, request: TeamRequest) -> Response:
        given = self._readable(self.read_new(request))
        return self.answer(services.create_transformation(request.team, given), created=True)

    def upsert(self, request: TeamRequest) -> Response:
        row, created = services.upsert_transformation(request.team, self._readable(self.read_upsert(request)))
        return self.answer(row, created=created)

    def update(self, request: TeamRequest, id: str) -> Response:
        return self._change(request, id, merge=True)

    def replace(self, request: TeamRequest, id: str) -> Response:
        return self._change(request, id, merge=False)

    def destroy(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        services.delete_transformation(request.team, id, now=utc_now())
        return Response(status=204)

    def _change(self, request: TeamRequest, id: str, *, merge: bool) -> Response:
        get_for_team(self.rows(request.team), id)
        given = self._readable(self.read_change(request, id))
        return self.answer(services.update_transformation(request.team, id, given=given, merge=merge))

    def _readable(self, given: dict[str, Any]) -> TransformationFields:
        if "code" in given:
            code_run.refuse_unreadable(given["code"], at="code")
        return cast(TransformationFields, given)


class CodeRunViewSet(ApiViewSet):
    """Nothing is stored; a transformation that fails is an answer like any other."""

    parser_classes = (LargeJSONParser,)

    @extend_schema(operation_id="run_transformation", tags=["transformations"], request=RunInput, responses=RunOutput)
    def run(self, request: TeamRequest) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(RunInput, request.data)
        stored = None
        if "transformation_id" in given:
            stored = get_for_team(for_team(Transformation, request.team), given["transformation_id"])
        env: Any = stored.env if stored else {}
        if "env" in given:
            env = services.read_env(given["env"], env, merge=False, at="env")
        described = given.get("request", {})
        message = code_run.read_message(described)
        outcome = code_run.try_out(
            given.get("code", stored.code if stored else ""),
            env,
            request=message,
            context=code_run.read_context(given.get("context", {})),
            created_at=code_run.shown_created_at(described, utc_now()),
        )
        return Response(code_run.run_answer(outcome, message))

    @extend_schema(
        operation_id="validate_transformation",
        tags=["transformations"],
        request=ValidateInput,
        responses=ValidateOutput,
    )
    def validate(self, request: TeamRequest) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        outcome = code_run.check_syntax(read_input(ValidateInput, request.data)["code"])
        valid = outcome.status is RunStatus.SUCCESSFUL
        return Response({"valid": valid, "error": code_run.error_answer(outcome)})
