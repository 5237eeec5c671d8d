"""Backtests over HTTP: started for a connection, watched, cancelled."""

from __future__ import annotations

from typing import cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request as Call
from rest_framework.response import Response

from connections.models import Connection
from events.models.backtests import Backtest
from events.preview.backtest.serializers import RehearsalInput, RehearsalOutput, backtest_answer
from events.preview.backtest.services import cancel_backtest, start_backtest
from fasthook.api.describe import list_answer, page_parameters
from fasthook.api.fields import read_input
from fasthook.api.filters import COMMON, read_params, refuse_unknown
from fasthook.api.pagination import paginate
from fasthook.api.parsers import LargeJSONParser
from fasthook.api.timerange import read_range
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest
from teams.scoping import for_team, get_for_team

MAX_LIMIT = 100


class BacktestViewSet(ApiViewSet):
    parser_classes = (LargeJSONParser,)

    @extend_schema(
        operation_id="start_rehearsal",
        tags=["connections"],
        request=RehearsalInput,
        responses={202: RehearsalOutput},
    )
    def start(self, request: Call, connection_id: str) -> Response:
        """Replays rules against what the connection's source accepted in a range. Nothing is stored of it but this
        backtest, nothing is sent."""
        refuse_unknown(request.query_params, ["team_id"])
        call = cast(TeamRequest, request)
        connection = _connection(call, connection_id)
        given = read_input(RehearsalInput, request.data)
        now = utc_now()
        row = start_backtest(
            connection,
            given.get("rules"),
            time_range=read_range({name: given[name] for name in ("from", "to") if name in given}, now=now),
            requested_by=call.actor.label,
            now=now,
        )
        return Response(backtest_answer(row), status=202)

    @extend_schema(
        operation_id="list_rehearsals",
        tags=["connections"],
        parameters=page_parameters(orders=["created_at"], max_limit=MAX_LIMIT),
        responses=list_answer("Rehearsal", RehearsalOutput),
    )
    def list(self, request: Call, connection_id: str) -> Response:
        connection = _connection(cast(TeamRequest, request), connection_id)
        params = read_params(request.query_params)
        refuse_unknown(params, COMMON)
        page = paginate(
            _rows(cast(TeamRequest, request)).filter(connection_id=connection.id),
            params=params,
            resource="rehearsals",
            orders={"created_at": "id"},
            signature=[connection.id],
            max_limit=MAX_LIMIT,
        )
        return Response(page.answer([backtest_answer(row) for row in page.rows]))

    @extend_schema(operation_id="get_rehearsal", tags=["connections"], responses=RehearsalOutput)
    def retrieve(self, request: Call, rehearsal_id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return Response(backtest_answer(get_for_team(_rows(cast(TeamRequest, request)), rehearsal_id)))

    @extend_schema(operation_id="cancel_rehearsal", tags=["connections"], request=None, responses=RehearsalOutput)
    def cancel(self, request: Call, rehearsal_id: str) -> Response:
        """Ends it where it is; what it has found so far stays."""
        refuse_unknown(request.query_params, ["team_id"])
        rows = _rows(cast(TeamRequest, request))
        cancel_backtest(get_for_team(rows, rehearsal_id))
        return Response(backtest_answer(get_for_team(rows, rehearsal_id)))


def _connection(call: TeamRequest, identifier: str) -> Connection:
    return get_for_team(for_team(Connection, call.team), identifier)


def _rows(call: TeamRequest) -> QuerySet[Backtest]:
    """What is sealed is for the worker alone."""
    return for_team(Backtest, call.team).defer("sealed")
