"""The shapes of `events/evidence/answers.py` for the OpenAPI description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.models import AttemptStatus, RequestStatus
from events.states import Status, Trigger
from fasthook.api.describe import AppliedRangeOutput, CountOutput, Output, list_answer
from fasthook.api.fields import MomentField, ObjectField


@extend_schema_field(OpenApiTypes.ANY)
class _AnyJSONField(serializers.JSONField):
    pass


class DataOutput(serializers.Serializer[Any]):
    method = serializers.CharField()
    path = serializers.CharField()
    query = serializers.CharField()
    parsed_query = ObjectField()
    headers = ObjectField()
    body = _AnyJSONField(allow_null=True)
    body_encoding = serializers.ChoiceField(choices=["json", "text", "base64"])
    body_size = serializers.IntegerField()
    body_truncated = serializers.BooleanField()


class RequestOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    source_id = serializers.CharField()
    status = serializers.ChoiceField(choices=RequestStatus.choices)
    verified = serializers.BooleanField()
    rejection_cause = serializers.CharField(allow_null=True)
    handshake = serializers.BooleanField()
    events_count = serializers.IntegerField()
    ignored_count = serializers.IntegerField()
    is_retry = serializers.BooleanField()
    retry_parent_request_id = serializers.CharField(allow_null=True)
    batch_operation_id = serializers.CharField(allow_null=True)
    created_at = MomentField()
    ingested_at = MomentField()
    data = DataOutput(required=False, allow_null=True)  # type: ignore[assignment]


class EventOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    request_id = serializers.CharField()
    source_id = serializers.CharField()
    connection_id = serializers.CharField()
    webhook_id = serializers.CharField()
    destination_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in Status])
    attempts = serializers.IntegerField()
    response_status = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    ignored_cause = serializers.CharField(allow_null=True)
    ignored_meta = ObjectField(required=False, allow_null=True)
    next_attempt_at = MomentField(allow_null=True)
    last_attempt_at = MomentField(allow_null=True)
    successful_at = MomentField(allow_null=True)
    batch_operation_id = serializers.CharField(allow_null=True)
    transformed = serializers.BooleanField()
    created_at = MomentField()
    updated_at = MomentField()
    data = DataOutput(required=False, allow_null=True)  # type: ignore[assignment]


class AttemptOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    event_id = serializers.CharField()
    connection_id = serializers.CharField()
    destination_id = serializers.CharField()
    attempt_number = serializers.IntegerField()
    trigger = serializers.ChoiceField(choices=[trigger.value for trigger in Trigger])
    batch_operation_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=AttemptStatus.choices)
    response_status = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)
    error_message = serializers.CharField(required=False)
    requested_url = serializers.CharField()
    http_method = serializers.CharField()
    request_headers = ObjectField()
    response_headers = ObjectField(allow_null=True)
    body = serializers.CharField(allow_null=True)
    latency = serializers.IntegerField(help_text="Milliseconds.")
    created_at = MomentField()
    delivered_at = MomentField(allow_null=True)


class EvidenceCountOutput(CountOutput):
    count_exact = serializers.BooleanField()
    applied_range = AppliedRangeOutput()


class InputOutput(serializers.Serializer[Any]):
    """What `test` and `run` take as their input."""

    method = serializers.CharField()
    path = serializers.CharField()
    query = serializers.CharField()
    parsed_query = ObjectField()
    headers = ObjectField()
    body = _AnyJSONField(allow_null=True)
    body_encoding = serializers.ChoiceField(choices=["json", "text", "base64"])


class FoundInputOutput(serializers.Serializer[Any]):
    source_id = serializers.CharField()
    request_id = serializers.CharField()
    created_at = MomentField()
    input = InputOutput()


class LatestInputOutput(serializers.Serializer[Any]):
    connection_id = serializers.CharField()
    latest_input = FoundInputOutput(allow_null=True)


def evidence_list(name: str, output: Output) -> serializers.Serializer[Any]:
    return list_answer(name, output, facts={"applied_range": AppliedRangeOutput()})


REQUEST_LIST = evidence_list("Request", RequestOutput)
EVENT_LIST = evidence_list("Event", EventOutput)
ATTEMPT_LIST = evidence_list("Attempt", AttemptOutput)
