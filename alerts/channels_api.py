"""Alert channels over HTTP, and their test button."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from alerts import channels
from alerts.channels import ChannelFields
from alerts.models import AlertChannel
from alerts.selectors import ChannelFilter
from alerts.serializers import ChannelInput, ChannelOutput, NotificationOutput, notification_answer
from fasthook.lib.clock import utc_now
from fasthook.lib.describe import CountOutput, filter_parameters, list_answer
from fasthook.lib.filters import refuse_unknown
from teams.auth import TeamRequest
from teams.resource_views import ResourceViewSet

TAGS = ["alerts"]


@extend_schema_view(
    list=extend_schema(
        operation_id="list_alert_channels",
        tags=TAGS,
        parameters=filter_parameters(ChannelFilter, paged=True),
        responses=list_answer("AlertChannel", ChannelOutput),
    ),
    retrieve=extend_schema(operation_id="get_alert_channel", tags=TAGS, responses=ChannelOutput),
)
class AlertChannelViewSet(ResourceViewSet):
    model = AlertChannel
    reads = ChannelInput
    shows = ChannelOutput
    filters = ChannelFilter

    @extend_schema(
        operation_id="count_alert_channels",
        tags=TAGS,
        parameters=filter_parameters(ChannelFilter, paged=False),
        responses=CountOutput,
    )
    def count(self, request: TeamRequest) -> Response:
        return super().count(request)

    @extend_schema(operation_id="create_alert_channel", tags=TAGS, request=ChannelInput, responses={201: ChannelOutput})
    def create(self, request: TeamRequest) -> Response:
        row = channels.create_channel(request.team, cast(ChannelFields, self.read_new(request)))
        return self.answer(row, created=True)

    @extend_schema(
        operation_id="upsert_alert_channel",
        tags=TAGS,
        request=ChannelInput(partial=True),
        responses={200: ChannelOutput, 201: ChannelOutput},
    )
    def upsert(self, request: TeamRequest) -> Response:
        row, created = channels.upsert_channel(request.team, cast(ChannelFields, self.read_upsert(request)))
        return self.answer(row, created=created)

    @extend_schema(
        operation_id="update_alert_channel", tags=TAGS, request=ChannelInput(partial=True), responses=ChannelOutput
    )
    def update(self, request: TeamRequest, id: str) -> Response:
        given = cast(ChannelFields, self.read_change(request, id))
        return self.answer(channels.update_channel(request.team, id, given=given))

    @extend_schema(
        operation_id="replace_alert_channel", tags=TAGS, request=ChannelInput(partial=True), responses=ChannelOutput
    )
    def replace(self, request: TeamRequest, id: str) -> Response:
        """The same as PATCH: a channel's config has one key, and is replaced whenever it is given."""
        return self.update(request, id)

    @extend_schema(operation_id="delete_alert_channel", tags=TAGS, request=None, responses={204: None})
    def destroy(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        channels.delete_channel(request.team, id, now=utc_now())
        return Response(status=204)

    @extend_schema(operation_id="enable_alert_channel", tags=TAGS, request=None, responses=ChannelOutput)
    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(channels.enable_channel(request.team, id))

    @extend_schema(operation_id="disable_alert_channel", tags=TAGS, request=None, responses=ChannelOutput)
    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(channels.disable_channel(request.team, id, now=utc_now()))

    @extend_schema(operation_id="test_alert_channel", tags=TAGS, request=None, responses=NotificationOutput)
    def test(self, request: TeamRequest, id: str) -> Response:
        """Sends a test at once and answers with what came of it: 200 also when `status` is FAILED."""
        refuse_unknown(request.query_params, ["team_id"])
        return Response(notification_answer(channels.try_channel(request.team, id, now=utc_now())))
