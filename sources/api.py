"""Sources over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from fasthook.api.describe import describe_resource
from fasthook.api.filters import refuse_unknown
from fasthook.lib.clock import utc_now
from sources import services
from sources.models import Source
from sources.selectors import SourceFilter
from sources.serializers import SourceInput, SourceOutput
from sources.services import SourceFields
from sources.type_descriptions import describe_types
from sources.type_serializers import SourceTypesOutput
from teams.auth.permissions import TeamRequest
from teams.config.views import ResourceViewSet, read_flag

CASCADE = OpenApiParameter("cascade", bool, description="Delete its connections as well.")


@describe_resource(
    "Source",
    reads=SourceInput,
    shows=SourceOutput,
    filters=SourceFilter,
    actions=("enable", "disable"),
    destroy_parameters=(CASCADE,),
)
class SourceViewSet(ResourceViewSet):
    model = Source
    reads = SourceInput
    shows = SourceOutput
    filters = SourceFilter
    # Connections lie above sources: the route table says what deletes them too.
    delete_with_connections: Callable[..., None] | None = None

    def create(self, request: TeamRequest) -> Response:
        row = services.create_source(request.team, cast(SourceFields, self.read_new(request)), now=utc_now())
        return self.answer(row, created=True)

    def upsert(self, request: TeamRequest) -> Response:
        given = cast(SourceFields, self.read_upsert(request))
        row, created = services.upsert_source(request.team, given, now=utc_now())
        return self.answer(row, created=created)

    def update(self, request: TeamRequest, id: str) -> Response:
        given = cast(SourceFields, self.read_change(request, id))
        return self.answer(services.update_source(request.team, id, given=given, merge=True, now=utc_now()))

    def replace(self, request: TeamRequest, id: str) -> Response:
        given = cast(SourceFields, self.read_change(request, id))
        return self.answer(services.update_source(request.team, id, given=given, merge=False, now=utc_now()))

    def destroy(self, request: TeamRequest, id: str) -> Response:
        delete = services.delete_source
        if read_flag(request.query_params, "cascade") and self.delete_with_connections is not None:
            delete = self.delete_with_connections
        delete(request.team, id, now=utc_now())
        return Response(status=204)

    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.enable_source(request.team, id, now=utc_now()))

    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.disable_source(request.team, id, now=utc_now()))

    @extend_schema(
        operation_id="list_source_types",
        tags=["sources"],
        responses=SourceTypesOutput,
        description="The source types, with the fields of their authentication. The same for every team.",
    )
    def types(self, request: TeamRequest) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return Response(describe_types())
