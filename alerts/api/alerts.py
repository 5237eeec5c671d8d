"""Alerts and notifications over HTTP: lists, details, and what an operator does with an alert."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from alerts.api.selectors import MAX_PARTS, AlertFilter, NotificationFilter, alerts_of, bounds_of, notifications_of
from alerts.api.serializers import (
    AlertDetailOutput,
    AlertOutput,
    MuteInput,
    NotificationOutput,
    alert_answer,
    notification_answer,
)
from alerts.handling import acknowledge, mute, unacknowledge, unmute
from fasthook.api.describe import AppliedRangeOutput, CountOutput, filter_parameters, list_answer
from fasthook.api.fields import read_input
from fasthook.api.filters import ListFilter, read_params, refuse_unknown
from fasthook.api.pagination import paginate
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import InvalidInput
from teams.auth.permissions import TeamRequest
from teams.scoping import get_for_team

MAX_LIMIT = 100
SHOWN_NOTIFICATIONS = 20
_UNBOUNDED = {
    "from": "An ISO 8601 time, or now, now-15m, now-24h, now-7d. Without it from the beginning.",
    "to": "The same. Without it up to now.",
}


def _parameters(filters: type[ListFilter], *, paged: bool) -> list[OpenApiParameter]:
    """Unlike evidence, which is only ever read over a range, what is open is shown however old it is."""
    parameters = filter_parameters(filters, paged=paged)
    for parameter in parameters:
        parameter.description = _UNBOUNDED.get(parameter.name, parameter.description)
    return parameters


_RANGE = {"applied_range": AppliedRangeOutput(allow_null=True)}


class AlertViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_alerts",
        tags=["alerts"],
        parameters=_parameters(AlertFilter, paged=True),
        responses=list_answer("Alert", AlertOutput, facts=_RANGE),
    )
    def list(self, request: TeamRequest) -> Response:
        """Open and resolved ones, newest first; `status=PENDING` shows what holds but has not opened yet."""
        params = read_params(request.query_params)
        return _page(request, "alert", AlertFilter, alerts_of(request.team, params), alert_answer)

    @extend_schema(
        operation_id="count_alerts",
        tags=["alerts"],
        parameters=_parameters(AlertFilter, paged=False),
        responses=CountOutput,
    )
    def count(self, request: TeamRequest) -> Response:
        params, now = read_params(request.query_params), utc_now()
        time_range = bounds_of(params, now=now)
        rows = alerts_of(request.team, params).filter(**(time_range.id_bounds("alt") if time_range else {}))
        return Response({"count": AlertFilter(params, queryset=rows, now=now).rows().count()})

    @extend_schema(operation_id="get_alert", tags=["alerts"], responses=AlertDetailOutput)
    def retrieve(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        row = get_for_team(alerts_of(request.team, {"id": id}), id)
        told = notifications_of(request.team).filter(alert_ids__contains=[row.id])
        newest = list(told.order_by("-id")[:SHOWN_NOTIFICATIONS])
        return Response({**alert_answer(row), "notifications": [notification_answer(each) for each in newest]})

    @extend_schema(operation_id="acknowledge_alert", tags=["alerts"], request=None, responses=AlertOutput)
    def acknowledge(self, request: TeamRequest, id: str) -> Response:
        """Somebody is at it: it is not repeated any more. That it is resolved is still told."""
        refuse_unknown(request.query_params, ["team_id"])
        return Response(alert_answer(acknowledge(request.team, id, by=request.actor.label, now=utc_now())))

    @extend_schema(operation_id="unacknowledge_alert", tags=["alerts"], request=None, responses=AlertOutput)
    def unacknowledge(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return Response(alert_answer(unacknowledge(request.team, id)))

    @extend_schema(operation_id="mute_alert", tags=["alerts"], request=MuteInput, responses=AlertOutput)
    def mute(self, request: TeamRequest, id: str) -> Response:
        """Nothing is sent for it until then, not its end either. `muted_until` or `for_s` says how long."""
        refuse_unknown(request.query_params, ["team_id"])
        get_for_team(alerts_of(request.team, {"id": id}), id)
        given = read_input(MuteInput, request.data)
        if len(given) != 1:
            fault = "give one of muted_until and for_s"
            raise InvalidInput(fault, fields={name: [fault] for name in ("muted_until", "for_s")})
        until = given.get("muted_until") or utc_now() + timedelta(seconds=given["for_s"])
        return Response(alert_answer(mute(request.team, id, until=until)))

    @extend_schema(operation_id="unmute_alert", tags=["alerts"], request=None, responses=AlertOutput)
    def unmute(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return Response(alert_answer(unmute(request.team, id)))


class AlertNotificationViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_alert_notifications",
        tags=["alerts"],
        parameters=_parameters(NotificationFilter, paged=True),
        responses=list_answer("AlertNotification", NotificationOutput, facts=_RANGE),
    )
    def list(self, request: TeamRequest) -> Response:
        """What was sent to channels and what came back, newest first; tests too."""
        rows = notifications_of(request.team)
        return _page(request, "alert_notification", NotificationFilter, rows, notification_answer)

    @extend_schema(operation_id="get_alert_notification", tags=["alerts"], responses=NotificationOutput)
    def retrieve(self, request: TeamRequest, id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return Response(notification_answer(get_for_team(notifications_of(request.team), id)))


_PREFIXES = {"alert": "alt", "alert_notification": "anf"}


def _page(request: TeamRequest, resource: str, filters: Any, rows: Any, answer: Any) -> Response:
    params, now = read_params(request.query_params), utc_now()
    time_range = bounds_of(params, now=now)
    if time_range is not None:
        rows = rows.filter(**time_range.id_bounds(_PREFIXES[resource]))
    wanted = filters(params, queryset=rows, now=now)
    wanted.rows()
    page = paginate(
        *wanted.parts(at_most=MAX_PARTS),
        params=params,
        resource=resource,
        orders={"created_at": "id"},
        signature=[request.team.id, *wanted.signature()],
        max_limit=MAX_LIMIT,
    )
    facts = {"applied_range": time_range.applied() if time_range else None}
    return Response(page.answer([answer(row) for row in page.rows], facts=facts))
