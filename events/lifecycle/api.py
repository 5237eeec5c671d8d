"""Retries and cancels over HTTP: one event, or one request."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request as Call
from rest_framework.response import Response

from connections.transformations.serializers import AnyJSONField
from events.evidence.answers import event_answer, request_answer
from events.evidence.selectors import BranchCounts
from events.evidence.serializers import EventOutput, RequestOutput
from events.lifecycle.retry import cancel_event, retry_event, retry_request
from fasthook.api.describe import refusals
from fasthook.api.fields import ChoiceField, InputSerializer, ObjectField, TextField, read_input
from fasthook.api.filters import refuse_unknown
from fasthook.api.parsers import JSONParser
from fasthook.api.viewset import ApiViewSet
from teams.auth.permissions import TeamRequest


class NothingInput(InputSerializer):
    """No body, or an empty object."""


class RequestRetryInput(InputSerializer):
    """What is to differ from the stored request; each field replaces what is stored. `data` of a request may be sent
    back changed. A `body` that is a string is text, any other is JSON, unless `body_encoding` says something else."""

    echoed = frozenset({"body_size", "body_truncated"})

    method = TextField(required=False)
    path = TextField(required=False, allow_blank=True)
    query = TextField(required=False, allow_blank=True)
    parsed_query = ObjectField(required=False)
    headers = ObjectField(required=False)
    body = AnyJSONField(required=False)
    body_encoding = ChoiceField(choices=["json", "text", "base64"], required=False)


class EventRetryOutput(EventOutput):
    ok = serializers.BooleanField()
    queued = serializers.BooleanField()
    event_id = serializers.CharField()


class RequestRetryOutput(RequestOutput):
    ok = serializers.BooleanField()
    queued = serializers.BooleanField()
    request_id = serializers.CharField()


class LongBodyParser(JSONParser):
    """A body as large as sources take it, in JSON, which writes line breaks and quotes longer."""

    def limit_bytes(self) -> int:
        return max(settings.MAX_API_BODY_BYTES, 2 * settings.MAX_BODY_BYTES)


class EventReplayViewSet(ApiViewSet):
    @extend_schema(
        operation_id="retry_event",
        tags=["events"],
        request=NothingInput,
        responses={202: EventRetryOutput, **refusals(404, 409, 422)},
    )
    def retry(self, request: Call, event_id: str) -> Response:
        """Queues an event that has ended, or that waits for a planned retry, for another attempt now: same event, same
        payload, the retry schedule from its beginning. Where its transformation had failed, its rules run again."""
        _refuse_input(request)
        call = cast(TeamRequest, request)
        row = retry_event(call.actor, call.team.id, event_id)
        return Response({"ok": True, "queued": True, "event_id": row.id, **event_answer(row)}, status=202)

    @extend_schema(
        operation_id="cancel_event",
        tags=["events"],
        request=NothingInput,
        responses={200: EventOutput, **refusals(404, 409, 422)},
    )
    def cancel(self, request: Call, event_id: str) -> Response:
        """Ends an event that waits. An attempt in flight is let finish and recorded; the event stays cancelled."""
        _refuse_input(request)
        call = cast(TeamRequest, request)
        return Response(event_answer(cancel_event(call.actor, call.team.id, event_id)))


class RequestReplayViewSet(ApiViewSet):
    parser_classes = (LongBodyParser,)

    @extend_schema(
        operation_id="retry_request",
        tags=["requests"],
        request=RequestRetryInput,
        responses={202: RequestRetryOutput, **refusals(404, 409, 413, 422)},
    )
    def retry(self, request: Call, request_id: str) -> Response:
        """Accepts a stored request again, also one that was rejected, as it was or modified: a new request, routed by
        the connections of now. Its source must be enabled; who sent it is not verified again."""
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(RequestRetryInput, request.data)
        call = cast(TeamRequest, request)
        row = retry_request(call.actor, call.team.id, request_id, given=given)
        answer = {"ok": True, "queued": True, "request_id": row.id, **request_answer(row, BranchCounts())}
        return Response(answer, status=202)


def _refuse_input(call: Call) -> Any:
    refuse_unknown(call.query_params, ["team_id"])
    return read_input(NothingInput, call.data)
