"""The test request of a destination over HTTP: 200 whatever the receiver did."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from connections.transformations.serializers import AnyJSONField
from events.models import AttemptStatus
from events.preview.send import SentTest, send_test
from fasthook.api.describe import refusals
from fasthook.api.fields import InputSerializer, ObjectField, read_input
from fasthook.api.filters import refuse_unknown
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from fasthook.lib.headers import merge_headers
from teams.auth.permissions import TeamRequest


class TrialInput(InputSerializer):
    """A text is sent as it is, any other JSON value as JSON, null sends no body."""

    body = AnyJSONField(required=False, help_text="Without it a small object that says it is a test.")
    headers = ObjectField(required=False, help_text="Texts by name.")


class TrialOutput(serializers.Serializer[Any]):
    ok = serializers.BooleanField(help_text="The destination answered 2xx.")
    status = serializers.ChoiceField(choices=AttemptStatus.choices)
    destination_id = serializers.CharField()
    response_status = serializers.IntegerField(allow_null=True)
    response_headers = ObjectField(allow_null=True)
    body = serializers.CharField(allow_null=True, allow_blank=True, help_text="Of the answer, its beginning.")
    latency = serializers.IntegerField(help_text="Milliseconds.")
    error_code = serializers.CharField(allow_null=True, help_text="As attempts have it.")
    error_message = serializers.CharField(allow_null=True)
    requested_url = serializers.CharField(allow_null=True)
    http_method = serializers.CharField(allow_null=True)
    request_headers = ObjectField(help_text="The destination's credentials are masked.")


class TestSendViewSet(ApiViewSet):
    @extend_schema(
        operation_id="test_destination",
        tags=["destinations"],
        request=TrialInput,
        responses={200: TrialOutput, **refusals(409, 429)},
    )
    def test(self, request: TeamRequest, destination_id: str) -> Response:
        """Sends one signed test request at once. No evidence is kept and nothing is tried again."""
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(TrialInput, request.data)
        sent_test = send_test(request.actor, request.team, destination_id, given=given, now=utc_now())
        return Response(_answer(sent_test))


def _answer(sent_test: SentTest) -> dict[str, Any]:
    sent, shown = sent_test.sent, sent_test.shown
    answered = sent.status is not None
    return {
        "ok": sent.error_code is None,
        "status": "SUCCESSFUL" if sent.error_code is None else "FAILED",
        "destination_id": sent_test.destination_id,
        "response_status": sent.status,
        "response_headers": merge_headers(sent.headers) if answered else None,
        "body": sent.body.decode("utf-8", "replace") if answered else None,
        "latency": sent.latency_ms,
        "error_code": sent.error_code,
        "error_message": sent.error_message,
        "requested_url": shown.url if shown else None,
        "http_method": shown.method if shown else None,
        "request_headers": merge_headers(shown.headers) if shown else {},
    }
