"""Destinations over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from destinations import services
from destinations.models import Destination
from destinations.selectors import DestinationFilter
from destinations.serializers import DestinationInput, DestinationOutput
from destinations.services import DestinationFields
from fasthook.api.describe import describe_resource
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.config.views import ResourceViewSet, read_flag

CASCADE = OpenApiParameter("cascade", bool, description="Delete its connections as well.")


@describe_resource(
    "Destination",
    reads=DestinationInput,
    shows=DestinationOutput,
    filters=DestinationFilter,
    actions=("enable", "disable"),
    destroy_parameters=(CASCADE,),
)
class DestinationViewSet(ResourceViewSet):
    model = Destination
    reads = DestinationInput
    shows = DestinationOutput
    filters = DestinationFilter
    # Connections lie above destinations: the route table says what deletes them too.
    delete_with_connections: Callable[..., None] | None = None

    def create(self, request: TeamRequest) -> Response:
        row = services.create_destination(request.team, cast(DestinationFields, self.read_new(request)))
        return self.answer(row, created=True)

    def upsert(self, request: TeamRequest) -> Response:
        given = cast(DestinationFields, self.read_upsert(request))
        row, created = services.upsert_destination(request.team, given, now=utc_now())
        return self.answer(row, created=created)

    def update(self, request: TeamRequest, id: str) -> Response:
        given = cast(DestinationFields, self.read_change(request, id))
        return self.answer(services.update_destination(request.team, id, given=given, merge=True, now=utc_now()))

    def replace(self, request: TeamRequest, id: str) -> Response:
        given = cast(DestinationFields, self.read_change(request, id))
        return self.answer(services.update_destination(request.team, id, given=given, merge=False, now=utc_now()))

    def destroy(self, request: TeamRequest, id: str) -> Response:
        delete = services.delete_destination
        if read_flag(request.query_params, "cascade") and self.delete_with_connections is not None:
            delete = self.delete_with_connections
        delete(request.team, id, now=utc_now())
        return Response(status=204)

    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.enable_destination(request.team, id, now=utc_now()))

    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.disable_destination(request.team, id, now=utc_now()))
