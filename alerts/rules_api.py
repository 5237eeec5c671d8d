"""Alert rules over HTTP."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from alerts import rules
from alerts.models import AlertRule
from alerts.rules import RuleFields
from alerts.selectors import RuleFilter
from alerts.serializers import DefaultRulesOutput, RuleInput, RuleOutput
from fasthook.lib.clock import utc_now
from fasthook.lib.describe import CountOutput, filter_parameters, list_answer
from fasthook.lib.filters import refuse_unknown
from teams.auth import TeamRequest
from teams.resource_views import ResourceViewSet

TAGS = ["alerts"]


@extend_schema_view(
    list=extend_schema(
        operation_id="list_alert_rules",
        tags=TAGS,
        parameters=filter_parameters(RuleFilter, paged=True),
        responses=list_answer("AlertRule", RuleOutput),
    ),
    retrieve=extend_schema(operation_id="get_alert_rule", tags=TAGS, responses=RuleOutput),
)
class AlertRuleViewSet(ResourceViewSet):
    model = AlertRule
    reads = RuleInput
    shows = RuleOutput
    filters = RuleFilter

    @extend_schema(
        operation_id="count_alert_rules",
        tags=TAGS,
        parameters=filter_parameters(RuleFilter, paged=False),
        responses=CountOutput,
    )
    def count(self, request: TeamRequest) -> Response:
        return super().count(request)

    @extend_schema(operation_id="create_alert_rule", tags=TAGS, request=RuleInput, responses={201: RuleOutput})
    def create(self, request: TeamRequest) -> Response:
        row = rules.create_rule(request.team, cast(RuleFields, self.read_new(request)))
        return self.answer(row, created=True)

    @extend_schema(
        operation_id="upsert_alert_rule",
        tags=TAGS,
        request=RuleInput(partial=True),
        responses={200: RuleOutput, 201: RuleOutput},
    )
    def upsert(self, request: TeamRequest) -> Response:
        row, created = rules.upsert_rule(request.team, cast(RuleFields, self.read_upsert(request)))
        return self.answer(row, created=created)

    @extend_schema(operation_id="update_alert_rule", tags=TAGS, request=RuleInput(partial=True), responses=RuleOutput)
    def update(self, request: TeamRequest, id: str) -> Response:
        given = cast(RuleFields, self.read_change(request, id))
        return self.answer(rules.update_rule(request.team, id, given=given, merge=True))

    @extend_schema(operation_id="replace_alert_rule", tags=TAGS, request=RuleInput(partial=True), responses=RuleOutput)
    def replace(self, request: TeamRequest, id: str) -> Response:
        given = cast(RuleFields, self.read_change(request, id))
        return self.answer(rules.update_rule(request.team, id, given=given, merge=False))

    @extend_schema(operation_id="delete_alert_rule", tags=TAGS, request=None, responses={204: None})
    def destroy(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        rules.delete_rule(request.team, id, now=utc_now())
        return Response(status=204)

    @extend_schema(operation_id="enable_alert_rule", tags=TAGS, request=None, responses=RuleOutput)
    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(rules.enable_rule(request.team, id))

    @extend_schema(operation_id="disable_alert_rule", tags=TAGS, request=None, responses=RuleOutput)
    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(rules.disable_rule(request.team, id, now=utc_now()))

    @extend_schema(operation_id="add_default_alert_rules", tags=TAGS, request=None, responses=DefaultRulesOutput)
    def add_defaults(self, request: TeamRequest) -> Response:
        """Makes those of the default rules that the team lacks, by name. A team begins with all of them."""
        refuse_unknown(request.query_params, ["team_id"])
        made = rules.add_default_rules(request.team)
        return Response({"models": RuleOutput(made, many=True).data})
