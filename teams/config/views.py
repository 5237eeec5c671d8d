"""Base views of configuration: lists, counts and details, and the checks on a body that names itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from fasthook.api.fields import InputSerializer, read_input
from fasthook.api.filters import ListFilter, read_params, refuse_unknown
from fasthook.api.pagination import paginate
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import invalid
from teams.auth.permissions import TeamRequest
from teams.models import Team
from teams.scoping import for_team, get_for_team

ORDERS = {"created_at": "created_at", "updated_at": "updated_at", "name": "name"}


class ResourceViewSet(ApiViewSet):
    """`model` read by the team that asks; writing is left to the resource's own services."""

    model: ClassVar[type[Model]]
    reads: ClassVar[type[InputSerializer]]
    shows: ClassVar[type[Serializer[Any]]]
    filters: ClassVar[type[ListFilter]]

    def rows(self, team: Team) -> QuerySet[Any]:
        return for_team(self.model, team)

    def list(self, request: TeamRequest) -> Response:
        params = read_params(request.query_params)
        wanted = self.filters(params, queryset=self.rows(request.team), now=utc_now())
        page = paginate(
            wanted.rows(),
            params=params,
            resource=self.model._meta.model_name or "",
            orders=ORDERS,
            signature=[request.team.id, *wanted.signature()],
        )
        return Response(page.answer([dict(row) for row in self.shows(page.rows, many=True).data]))

    def count(self, request: TeamRequest) -> Response:
        params = read_params(request.query_params)
        wanted = self.filters(params, queryset=self.rows(request.team), now=utc_now())
        return Response({"count": wanted.rows().count()})

    def retrieve(self, request: TeamRequest, id: str) -> Response:
        return self.answer(get_for_team(self.rows(request.team), id))

    def answer(self, row: Model, *, created: bool = False) -> Response:
        return Response(self.shows(row).data, status=201 if created else 200)

    def read_new(self, request: TeamRequest) -> dict[str, Any]:
        """The body of a creation: complete, and without an id of its own."""
        given = self._read(request, partial=False)
        if given.get("id") is not None:
            raise invalid("id", "is given by FastHook when it creates; leave it out, or use PUT to update")
        return given

    def read_upsert(self, request: TeamRequest) -> dict[str, Any]:
        return self._read(request, partial=True)

    def read_change(self, request: TeamRequest, identifier: str) -> dict[str, Any]:
        """The body of a change to one row; an id in it, as an answer that is sent back has, must be that row's."""
        given = self._read(request, partial=True)
        if given.pop("id", identifier) != identifier:
            raise invalid("id", "is not the id in the path; ids do not change")
        return given

    def _read(self, request: TeamRequest, *, partial: bool) -> dict[str, Any]:
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(self.reads, request.data, partial=partial)
        if given.pop("team_id", request.team.id) != request.team.id:
            raise invalid("team_id", "is not the team that this call works on; see the x-team-id header")
        return given


def read_flag(query: Mapping[str, str], name: str) -> bool:
    """A query parameter that is `true` or `false`, false when it is missing. InvalidInput naming it."""
    refuse_unknown(query, [name, "team_id"])
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise invalid(name, "must be true or false")
    return text == "true"
