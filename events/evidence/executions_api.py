"""The runs of a transformation over HTTP. Reads only."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request as Call
from rest_framework.response import Response

from connections.models import Transformation
from connections.transformations.serializers import LogLineOutput, RunErrorOutput
from events.evidence.execution_answers import execution_answer, execution_detail
from events.evidence.filters import ExecutionFilter
from events.evidence.selectors import get_execution, list_executions
from events.evidence.serializers import DataOutput, evidence_list
from events.models import ExecutionStatus, Request
from fasthook.api.describe import filter_parameters
from fasthook.api.fields import MomentField
from fasthook.api.filters import read_params
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.scoping import for_team, get_for_team


class ExecutionOutput(serializers.Serializer[object]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    transformation_id = serializers.CharField()
    connection_id = serializers.CharField()
    request_id = serializers.CharField()
    event_id = serializers.CharField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    error = RunErrorOutput(allow_null=True)
    duration_ms = serializers.FloatField()
    cpu_ms = serializers.FloatField()
    created_at = MomentField()


class ExecutionDetailOutput(ExecutionOutput):
    logs = LogLineOutput(many=True)
    before = DataOutput(allow_null=True)
    after = DataOutput(allow_null=True)


class ExecutionViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_transformation_executions",
        tags=["transformations"],
        parameters=filter_parameters(ExecutionFilter, paged=True),
        responses=evidence_list("Execution", ExecutionOutput),
    )
    def list(self, request: Call, transformation_id: str) -> Response:
        row = _transformation(request, transformation_id)
        listing = list_executions(row.team_id, row.id, read_params(request.query_params), now=utc_now())
        page = listing.page()
        facts = {"applied_range": listing.time_range.applied()}
        return Response(page.answer([execution_answer(each) for each in page.rows], facts=facts))

    @extend_schema(
        operation_id="get_transformation_execution", tags=["transformations"], responses=ExecutionDetailOutput
    )
    def retrieve(self, request: Call, transformation_id: str, execution_id: str) -> Response:
        row = _transformation(request, transformation_id)
        found = get_execution(row.team_id, row.id, execution_id)
        stored = Request.objects.filter(pk=found.request_id, team_id=found.team_id).first()
        return Response(execution_detail(found, stored))


def _transformation(call: Call, identifier: str) -> Transformation:
    return get_for_team(for_team(Transformation, cast(TeamRequest, call).team), identifier)
