"""Alert rules over HTTP."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from alerts.api.selectors import RuleFilter
from alerts.api.serializers import DefaultRulesOutput, RuleInput, RuleOutput
from alerts.models import AlertRule
from alerts.rules import services
from alerts.rules.services import RuleFields
from fasthook.api.describe import describe_resource
from fasthook.api.filters import refuse_unknown
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.config.views import ResourceViewSet

TAG = "alerts"


@describe_resource(
    "AlertRule",
    reads=RuleInput,
    shows=RuleOutput,
    filters=RuleFilter,
    actions=("enable", "disable"),
    tag=TAG,
)
class AlertRuleViewSet(ResourceViewSet):
    model = AlertRule
    reads = RuleInput
    shows = RuleOutput
    filters = RuleFilter

    def create(self, request: TeamRequest) -> Response:
        row = services.create_rule(request.team, cast(RuleFields, self.read_new(request)))
        return self.answer(row, created=True)

    def upsert(self, request: TeamRequest) -> Response:
        row, created = services.upsert_rule(request.team, cast(RuleFields, self.read_upsert(request)))
        return self.answer(row, created=created)

    def update(self, request: TeamRequest, id: str) -> Response:
        given = cast(RuleFields, self.read_change(request, id))
        return self.answer(services.update_rule(request.team, id, given=given, merge=True))

    def replace(self, request: TeamRequest, id: str) -> Response:
        given = cast(RuleFields, self.read_change(request, id))
        return self.answer(services.update_rule(request.team, id, given=given, merge=False))

    def destroy(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        services.delete_rule(request.team, id, now=utc_now())
        return Response(status=204)

    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.enable_rule(request.team, id))

    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.disable_rule(request.team, id, now=utc_now()))

    @extend_schema(operation_id="add_default_alert_rules", tags=[TAG], request=None, responses=DefaultRulesOutput)
    def add_defaults(self, request: TeamRequest) -> Response:
        """Makes those of the default rules that the team lacks, by name. A team begins with all of them."""
        refuse_unknown(request.query_params, ["team_id"])
        made = services.add_default_rules(request.team)
        return Response({"models": RuleOutput(made, many=True).data})
