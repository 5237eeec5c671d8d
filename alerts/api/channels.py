"""Alert channels over HTTP, and their test button."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from alerts.api.selectors import ChannelFilter
from alerts.api.serializers import ChannelInput, ChannelOutput, NotificationOutput, notification_answer
from alerts.channels import services
from alerts.channels.services import ChannelFields
from alerts.models import AlertChannel
from fasthook.api.describe import describe_resource
from fasthook.api.filters import refuse_unknown
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.config.views import ResourceViewSet

TAG = "alerts"


@describe_resource(
    "AlertChannel",
    reads=ChannelInput,
    shows=ChannelOutput,
    filters=ChannelFilter,
    actions=("enable", "disable"),
    tag=TAG,
)
class AlertChannelViewSet(ResourceViewSet):
    model = AlertChannel
    reads = ChannelInput
    shows = ChannelOutput
    filters = ChannelFilter

    def create(self, request: TeamRequest) -> Response:
        row = services.create_channel(request.team, cast(ChannelFields, self.read_new(request)))
        return self.answer(row, created=True)

    def upsert(self, request: TeamRequest) -> Response:
        row, created = services.upsert_channel(request.team, cast(ChannelFields, self.read_upsert(request)))
        return self.answer(row, created=created)

    def update(self, request: TeamRequest, id: str) -> Response:
        given = cast(ChannelFields, self.read_change(request, id))
        return self.answer(services.update_channel(request.team, id, given=given))

    def replace(self, request: TeamRequest, id: str) -> Response:
        """The same as PATCH: a channel's config has one key, and is replaced whenever it is given."""
        return self.update(request, id)

    def destroy(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        services.delete_channel(request.team, id, now=utc_now())
        return Response(status=204)

    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.enable_channel(request.team, id))

    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.disable_channel(request.team, id, now=utc_now()))

    @extend_schema(operation_id="test_alert_channel", tags=[TAG], request=None, responses=NotificationOutput)
    def test(self, request: TeamRequest, id: str) -> Response:
        """Sends a test at once and answers with what came of it: 200 also when `status` is FAILED."""
        refuse_unknown(request.query_params, ["team_id"])
        return Response(notification_answer(services.try_channel(request.team, id, now=utc_now())))
