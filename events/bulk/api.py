"""Bulk operations over HTTP: planned, started, watched, cancelled. Those of events and those of requests are apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request as Call
from rest_framework.response import Response

from events.bulk.filters import BulkInput, EventBulkInput, RequestBulkInput, read_filter
from events.bulk.plan import cancel_operation, plan_operation, start_operation
from events.bulk.results import with_outcomes
from events.bulk.serializers import (
    BulkOperationOutput,
    EventBulkPlanOutput,
    RequestBulkPlanOutput,
    operation_answer,
    plan_answer,
)
from events.evidence.filters import EventFilter, RequestFilter
from events.models.bulk import EVENT_KINDS, ONGOING, REQUEST_KINDS, BulkKind, BulkOperation, BulkStatus
from fasthook.api.describe import filter_parameters, list_answer, refusals
from fasthook.api.filters import ListFilter, OneOf, read_params, refuse_unknown
from fasthook.api.pagination import paginate
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import invalid
from teams.auth.permissions import TeamRequest
from teams.scoping import for_team, get_for_team

Method = TypeVar("Method", bound=Callable[..., Response])

BUCKETS = ("all", "ongoing", "history")
MAX_LIMIT = 100


class BulkOperationFilter(ListFilter):
    extra = ("bucket",)

    status = OneOf(BulkStatus.values)
    type = OneOf(BulkKind)


_LIST_PARAMETERS = [
    *(each for each in filter_parameters(BulkOperationFilter, paged=True) if each.name not in ("bucket", "order_by")),
    OpenApiParameter("bucket", str, enum=BUCKETS, description="Ongoing ones, those that are over, or all."),
]


def _described(operation_id: str, **kwargs: Any) -> Callable[[Method], Method]:
    return extend_schema(operation_id=operation_id, tags=["bulk operations"], **kwargs)


def _plan_parameters(filters: type[ListFilter], kinds: tuple[BulkKind, ...]) -> list[OpenApiParameter]:
    of_list = filter_parameters(filters, paged=False)
    return [OpenApiParameter("type", str, enum=kinds), *(each for each in of_list if each.name != "include")]


class _BulkViewSet(ApiViewSet):
    kinds: ClassVar[tuple[BulkKind, ...]]
    reader: ClassVar[type[BulkInput]]

    def list(self, request: Call) -> Response:
        params = read_params(request.query_params)
        rows = BulkOperationFilter(params, queryset=self._rows(request), now=utc_now()).rows()
        page = paginate(
            _in_bucket(rows, params.get("bucket", "all")),
            params=params,
            resource="bulk_operations",
            orders={"created_at": "id"},
            signature=[*self.kinds, params.get("bucket"), params.get("status"), params.get("type")],
            max_limit=MAX_LIMIT,
        )
        return Response(page.answer([operation_answer(row) for row in page.rows]))

    def start(self, request: Call) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        call = cast(TeamRequest, request)
        kind, params = read_filter(self.reader, request.data)
        row = start_operation(call.team, kind, params, actor=call.actor, now=utc_now())
        return Response(operation_answer(row), status=202)

    def plan(self, request: Call) -> Response:
        given = read_params(request.query_params)
        return self._plan(request, {name: text for name, text in given.items() if name != "team_id"})

    def plan_body(self, request: Call) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return self._plan(request, request.data)

    def retrieve(self, request: Call, operation_id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        return Response(operation_answer(get_for_team(self._rows(request), operation_id)))

    def cancel(self, request: Call, operation_id: str) -> Response:
        refuse_unknown(request.query_params, ["team_id"])
        call = cast(TeamRequest, request)
        cancel_operation(get_for_team(self._rows(request), operation_id), actor=call.actor)
        return Response(operation_answer(get_for_team(self._rows(request), operation_id)))

    def _plan(self, request: Call, given: Any) -> Response:
        kind, params = read_filter(self.reader, given)
        return Response(plan_answer(plan_operation(cast(TeamRequest, request).team, kind, params, now=utc_now())))

    def _rows(self, request: Call) -> QuerySet[BulkOperation]:
        rows = for_team(BulkOperation, cast(TeamRequest, request).team)
        return with_outcomes(rows.filter(type__in=[kind.value for kind in self.kinds]))


def _in_bucket(rows: QuerySet[BulkOperation], bucket: str) -> QuerySet[BulkOperation]:
    if bucket not in BUCKETS:
        raise invalid("bucket", f"must be one of: {', '.join(BUCKETS)}")
    if bucket == "all":
        return rows
    return rows.filter(status__in=ONGOING) if bucket == "ongoing" else rows.exclude(status__in=ONGOING)


class EventBulkViewSet(_BulkViewSet):
    kinds = EVENT_KINDS
    reader = EventBulkInput

    @_described(
        "list_event_bulk_operations",
        parameters=_LIST_PARAMETERS,
        responses={200: list_answer("EventBulkOperation", BulkOperationOutput), **refusals(422)},
    )
    def list(self, request: Call) -> Response:
        return super().list(request)

    @_described(
        "start_event_bulk_operation",
        request=EventBulkInput,
        responses={202: BulkOperationOutput, **refusals(409, 422)},
    )
    def start(self, request: Call) -> Response:
        """Queues what failed or was cancelled again, or with `type: event_bulk_cancel` cancels what waits: all events
        that the filter picks up to now, in the background."""
        return super().start(request)

    @_described(
        "plan_event_bulk_operation",
        parameters=_plan_parameters(EventFilter, EVENT_KINDS),
        responses={200: EventBulkPlanOutput, **refusals(422)},
    )
    def plan(self, request: Call) -> Response:
        """What such an operation would work on, and about how long its destinations would take. Changes nothing."""
        return super().plan(request)

    @_described(
        "plan_event_bulk_operation_by_body",
        request=EventBulkInput,
        responses={200: EventBulkPlanOutput, **refusals(422)},
    )
    def plan_body(self, request: Call) -> Response:
        """The same, with the body that would start it."""
        return super().plan_body(request)

    @_described("get_event_bulk_operation", responses={200: BulkOperationOutput, **refusals(404, 422)})
    def retrieve(self, request: Call, operation_id: str) -> Response:
        return super().retrieve(request, operation_id)

    @_described(
        "cancel_event_bulk_operation",
        request=None,
        responses={200: BulkOperationOutput, **refusals(404, 409, 422)},
    )
    def cancel(self, request: Call, operation_id: str) -> Response:
        """Ends it where it is, and withdraws what it has queued and still waits: those events become CANCELLED. What is
        in flight is let finish. `waiting_count` says what is still under way, `finished_at` when nothing was left."""
        return super().cancel(request, operation_id)


class RequestBulkViewSet(_BulkViewSet):
    kinds = REQUEST_KINDS
    reader = RequestBulkInput

    @_described(
        "list_request_bulk_operations",
        parameters=_LIST_PARAMETERS,
        responses={200: list_answer("RequestBulkOperation", BulkOperationOutput), **refusals(422)},
    )
    def list(self, request: Call) -> Response:
        return super().list(request)

    @_described(
        "start_request_bulk_operation",
        request=RequestBulkInput,
        responses={202: BulkOperationOutput, **refusals(409, 422)},
    )
    def start(self, request: Call) -> Response:
        """Accepts all requests that the filter picks up to now again, as they were, for current routing."""
        return super().start(request)

    @_described(
        "plan_request_bulk_operation",
        parameters=_plan_parameters(RequestFilter, REQUEST_KINDS),
        responses={200: RequestBulkPlanOutput, **refusals(422)},
    )
    def plan(self, request: Call) -> Response:
        """What such an operation would work on. The duration is for every branch, whatever its rules would filter."""
        return super().plan(request)

    @_described(
        "plan_request_bulk_operation_by_body",
        request=RequestBulkInput,
        responses={200: RequestBulkPlanOutput, **refusals(422)},
    )
    def plan_body(self, request: Call) -> Response:
        """The same, with the body that would start it."""
        return super().plan_body(request)

    @_described("get_request_bulk_operation", responses={200: BulkOperationOutput, **refusals(404, 422)})
    def retrieve(self, request: Call, operation_id: str) -> Response:
        return super().retrieve(request, operation_id)

    @_described(
        "cancel_request_bulk_operation",
        request=None,
        responses={200: BulkOperationOutput, **refusals(404, 409, 422)},
    )
    def cancel(self, request: Call, operation_id: str) -> Response:
        """Ends it where it is, and withdraws the deliveries of what it has accepted: those that still wait become
        CANCELLED, and so do those of requests that are not routed yet. What is in flight is let finish."""
        return super().cancel(request, operation_id)
