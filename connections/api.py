"""Connections over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.db.models import QuerySet
from rest_framework.response import Response

from connections import services
from connections.models import Connection
from connections.selectors import ConnectionFilter, connections_with_ends
from connections.serializers import ConnectionInput, ConnectionOutput
from connections.services import ConnectionFields
from connections.transform_rule import inline_code
from connections.transformations.code_run import refuse_unreadable
from fasthook.api.describe import describe_resource
from fasthook.api.filters import refuse_unknown
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.config.views import ResourceViewSet
from teams.models import Team
from teams.scoping import get_for_team


@describe_resource(
    "Connection",
    reads=ConnectionInput,
    shows=ConnectionOutput,
    filters=ConnectionFilter,
    actions=("pause", "unpause", "enable", "disable"),
)
class ConnectionViewSet(ResourceViewSet):
    model = Connection
    reads = ConnectionInput
    shows = ConnectionOutput
    filters = ConnectionFilter
    # What waits is the data plane's: the table of routes says who counts it.
    waiting: Callable[[Connection], Mapping[str, Any] | None] | None = None

    def rows(self, team: Team) -> QuerySet[Connection]:
        return connections_with_ends(team)

    def retrieve(self, request: TeamRequest, id: str) -> Response:
        row = get_for_team(self.rows(request.team), id)
        waiting = self.waiting(row) if self.waiting else None
        return Response({**self.shows(row).data, **({"waiting": waiting} if waiting else {})})

    def create(self, request: TeamRequest) -> Response:
        given = _readable(self.read_new(request))
        return self.answer(services.create_connection(request.team, given, now=utc_now()), created=True)

    def upsert(self, request: TeamRequest) -> Response:
        given = _readable(self.read_upsert(request))
        row, created = services.upsert_connection(request.team, given, now=utc_now())
        return self.answer(row, created=created)

    def update(self, request: TeamRequest, id: str) -> Response:
        given = _readable(self.read_change(request, id))
        return self.answer(services.update_connection(request.team, id, given=given, now=utc_now()))

    def replace(self, request: TeamRequest, id: str) -> Response:
        """There is no config to replace: what is not given stays, `rules` are replaced as a whole either way."""
        return self.update(request, id)

    def destroy(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        services.delete_connection(request.team, id, now=utc_now())
        return Response(status=204)

    def pause(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.pause_connection(request.team, id, now=utc_now()))

    def unpause(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.unpause_connection(request.team, id, now=utc_now()))

    def enable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.enable_connection(request.team, id, now=utc_now()))

    def disable(self, request: TeamRequest, id: str) -> Response:
        return self.answer(services.disable_connection(request.team, id, now=utc_now()))


def _readable(given: dict[str, Any]) -> ConnectionFields:
    """Asked of the sandbox before anything is locked: whether an inline transformation is JavaScript."""
    inline = inline_code(given["rules"]) if "rules" in given else None
    if inline is not None:
        code, path = inline
        refuse_unreadable(code, at=path)
    return cast(ConnectionFields, given)
