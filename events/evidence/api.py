"""Evidence over HTTP: requests, events, attempts, their raw bodies, and a connection's latest input. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request as Call
from rest_framework.response import Response

from events.evidence import serializers
from events.evidence.answers import attempt_answer, event_answer, latest_input_answer, request_answer
from events.evidence.filters import AttemptFilter, EventFilter, RequestFilter
from events.evidence.selectors import (
    BranchCounts,
    Listing,
    count_branches,
    get_attempt,
    get_event,
    get_request,
    latest_input,
    list_attempts,
    list_events,
    list_ignored_events,
    list_requests,
)
from events.models import Event, Request
from events.storage.payload_json import data_answer
from events.storage.payloads import Payload, payload_of, payload_of_event, read_event_payloads, read_payloads
from fasthook.api.describe import filter_parameters
from fasthook.api.filters import read_params
from fasthook.api.pagination import Page
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import NotFound
from fasthook.lib.headers import merge_headers
from teams.auth.permissions import TeamRequest

# In the content type that the request came with.
_RAW = {(200, "*/*"): OpenApiTypes.BINARY}


class RequestViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_requests",
        tags=["requests"],
        parameters=filter_parameters(RequestFilter, paged=True),
        responses=serializers.REQUEST_LIST,
    )
    def list(self, request: Call) -> Response:
        listing = list_requests(_team_id(request), read_params(request.query_params), now=utc_now())
        page = listing.page()
        ids = [row.id for row in page.rows]
        counts = count_branches(ids)
        models = [request_answer(row, counts.get(row.id, BranchCounts())) for row in page.rows]
        if "data" in listing.include:
            models = _with_data(models, read_payloads(ids, page_limit=page.limit))
        return _list_answer(listing, page, models)

    @extend_schema(operation_id="get_request", tags=["requests"], responses=serializers.RequestOutput)
    def retrieve(self, request: Call, request_id: str) -> Response:
        row = get_request(_team_id(request), request_id)
        counts = count_branches([row.id]).get(row.id, BranchCounts())
        return Response({**request_answer(row, counts), "data": data_answer(payload_of(row))})

    @extend_schema(
        operation_id="list_request_events",
        tags=["requests"],
        parameters=filter_parameters(EventFilter, paged=True),
        responses=serializers.EVENT_LIST,
    )
    def events(self, request: Call, request_id: str) -> Response:
        return _branches(request, request_id, list_events)

    @extend_schema(
        operation_id="list_request_ignored_events",
        tags=["requests"],
        parameters=filter_parameters(EventFilter, paged=True),
        responses=serializers.EVENT_LIST,
    )
    def ignored_events(self, request: Call, request_id: str) -> Response:
        return _branches(request, request_id, list_ignored_events)

    @extend_schema(operation_id="get_request_raw_body", tags=["requests"], responses=_RAW)
    def raw_body(self, request: Call, request_id: str) -> HttpResponse:
        row = get_request(_team_id(request), request_id)
        return _raw_answer(row.id, payload_of(row))

    @extend_schema(
        operation_id="count_requests",
        tags=["requests"],
        parameters=filter_parameters(RequestFilter, paged=False),
        responses=serializers.EvidenceCountOutput,
    )
    def count(self, request: Call) -> Response:
        return _count_answer(list_requests(_team_id(request), read_params(request.query_params), now=utc_now()))


class EventViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_events",
        tags=["events"],
        parameters=filter_parameters(EventFilter, paged=True),
        responses=serializers.EVENT_LIST,
    )
    def list(self, request: Call) -> Response:
        return _events_answer(list_events(_team_id(request), read_params(request.query_params), now=utc_now()))

    @extend_schema(operation_id="get_event", tags=["events"], responses=serializers.EventOutput)
    def retrieve(self, request: Call, event_id: str) -> Response:
        row = get_event(_team_id(request), event_id)
        return Response({**event_answer(row), "data": data_answer(payload_of_event(row))})

    @extend_schema(operation_id="get_event_raw_body", tags=["events"], responses=_RAW)
    def raw_body(self, request: Call, event_id: str) -> HttpResponse:
        row = get_event(_team_id(request), event_id)
        return _raw_answer(row.id, payload_of_event(row))

    @extend_schema(
        operation_id="count_events",
        tags=["events"],
        parameters=filter_parameters(EventFilter, paged=False),
        responses=serializers.EvidenceCountOutput,
    )
    def count(self, request: Call) -> Response:
        return _count_answer(list_events(_team_id(request), read_params(request.query_params), now=utc_now()))


class AttemptViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_attempts",
        tags=["attempts"],
        parameters=filter_parameters(AttemptFilter, paged=True),
        responses=serializers.ATTEMPT_LIST,
    )
    def list(self, request: Call) -> Response:
        listing = list_attempts(_team_id(request), read_params(request.query_params), now=utc_now())
        page = listing.page()
        return _list_answer(listing, page, [attempt_answer(row) for row in page.rows])

    @extend_schema(operation_id="get_attempt", tags=["attempts"], responses=serializers.AttemptOutput)
    def retrieve(self, request: Call, attempt_id: str) -> Response:
        return Response(attempt_answer(get_attempt(_team_id(request), attempt_id)))


class LatestInputViewSet(ApiViewSet):
    @extend_schema(operation_id="get_latest_input", tags=["connections"], responses=serializers.LatestInputOutput)
    def retrieve(self, request: Call, connection_id: str) -> Response:
        found_id, row = latest_input(_team_id(request), connection_id)
        return Response(latest_input_answer(found_id, row, payload_of(row) if row else None))


def _team_id(call: Call) -> str:
    return cast(TeamRequest, call).team.id


def _branches(call: Call, request_id: str, lister: Any) -> Response:
    """The branches of one request: the filters of events, without another request_id."""
    row = get_request(_team_id(call), request_id)
    params = {**read_params(call.query_params), "request_id": row.id}
    return _events_answer(lister(_team_id(call), params, now=utc_now()))


def _events_answer(listing: Listing[Event]) -> Response:
    page = listing.page()
    models = [event_answer(row) for row in page.rows]
    if "data" in listing.include:
        models = _with_data(models, read_event_payloads(page.rows, page_limit=page.limit))
    return _list_answer(listing, page, models)


def _with_data(models: list[dict[str, Any]], payloads: Mapping[str, Payload]) -> list[dict[str, Any]]:
    return [{**model, "data": data_answer(payloads.get(model["id"]))} for model in models]


def _list_answer(listing: Listing[Any], page: Page[Any], models: list[dict[str, Any]]) -> Response:
    return Response(page.answer(models, facts={"applied_range": listing.time_range.applied()}))


def _count_answer(listing: Listing[Request] | Listing[Event]) -> Response:
    count, exact = listing.count()
    return Response({"count": count, "count_exact": exact, "applied_range": listing.time_range.applied()})


def _raw_answer(name: str, payload: Payload | None) -> HttpResponse:
    """The exact bytes. Anyone may have sent them, so they are a download, and sandboxed (fasthook/lib/browsers/)."""
    if payload is None or payload.body is None:
        raise NotFound(f"the body of {name} is not stored", code="BODY_NOT_STORED", data={"id": name})
    content_type = merge_headers(payload.headers).get("content-type", "application/octet-stream")
    if not content_type.isascii() or not content_type.isprintable():
        content_type = "application/octet-stream"
    response = HttpResponse(payload.body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}.body"'
    response["Cache-Control"] = "private, no-store"
    return response
