"""Routes as files over HTTP: export, plan, apply; in JSON or YAML."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from connections.routes.document.yaml_format import YAMLParser, YAMLRenderer
from connections.routes.planning import Wishes
from connections.routes.serializers import DocumentOutput, RoutesBody, RoutesInput, RoutesOutput
from connections.routes.services import Order, apply_routes, export_routes, plan_routes
from fasthook.api.fields import read_input
from fasthook.api.filters import refuse_unknown
from fasthook.api.parsers import LargeJSONParser
from fasthook.api.renderers import JSONRenderer
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest


class RoutesViewSet(ApiViewSet):
    parser_classes = (LargeJSONParser, YAMLParser)
    renderer_classes = (JSONRenderer, YAMLRenderer)

    @extend_schema(operation_id="export_routes", tags=["routes"], responses=DocumentOutput)
    def export(self, request: TeamRequest) -> Response:
        """The team's routes as one document, secrets as references. Its digest is in the header `ETag`."""
        refuse_unknown(request.query_params, ["team_id"])
        document, digest = export_routes(request.team)
        return Response(document, headers={"ETag": f'"{digest}"'})

    @extend_schema(operation_id="plan_routes", tags=["routes"], request=RoutesBody, responses=RoutesOutput)
    def plan(self, request: TeamRequest) -> Response:
        """What applying the document would change, field by field. Changes nothing."""
        return Response(plan_routes(request.team, _read_order(request), now=utc_now()))

    @extend_schema(operation_id="apply_routes", tags=["routes"], request=RoutesBody, responses=RoutesOutput)
    def apply(self, request: TeamRequest) -> Response:
        """Makes the team's routes what the document says, all of it or nothing. A second time changes nothing."""
        return Response(apply_routes(request.team, _read_order(request), now=utc_now()))


def _read_order(request: Request) -> Order:
    refuse_unknown(request.query_params, ["team_id"])
    given = read_input(RoutesInput, cast(object, request.data))
    wishes = Wishes(
        prune=given.get("prune", False),
        renames=tuple(given.get("renames", ())),
        start=given.get("new_connections", "live"),
    )
    return Order(given["document"], given.get("variables", {}), wishes, given.get("expect"))
