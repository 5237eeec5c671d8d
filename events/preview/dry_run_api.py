"""The dry run of a connection's rules over HTTP, before they are saved or to see why something was not delivered."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request as Call
from rest_framework.response import Response

from connections.models import Connection
from connections.sandbox.jobs import Message
from connections.transform_rule import shown_rule
from connections.transformations.code_run import message_answer, read_message
from connections.transformations.serializers import AnyJSONField, RunRequestInput, RunResultOutput
from events.evidence.selectors import get_request, latest_input
from events.models import Request, RequestStatus
from events.preview.dry_run import DryRun, Subject, dry_run
from events.preview.dry_run_delivery import preview_delivery
from fasthook.api.fields import InputSerializer, ObjectField, TextField, read_input
from fasthook.api.filters import refuse_unknown
from fasthook.api.parsers import LargeJSONParser
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import invalid
from fasthook.lib.ids import new_id, time_of
from teams.auth.permissions import TeamRequest
from teams.scoping import for_team, get_for_team


class DryRunInput(InputSerializer):
    """At most one of `input` and `request_id`; with neither, the connection's latest input is taken. `rules` are tried
    in place of the saved ones."""

    rules = AnyJSONField(required=False)
    input = RunRequestInput(required=False)
    request_id = TextField(required=False)


class StepOutput(serializers.Serializer[Any]):
    """What else a step holds depends on its rule: `first_request_id`, `key`, `failed_targets`, `error`, `logs`,
    `changed`, `duration_ms`, `due_at`, `schedule`."""

    rule = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["passed", "stopped", "not_reached"])


class DeliveryOutput(serializers.Serializer[Any]):
    method = serializers.CharField()
    url = serializers.CharField()
    headers = ObjectField()
    body = AnyJSONField()
    body_encoding = serializers.ChoiceField(choices=["json", "text", "base64"])


class DryRunOutput(serializers.Serializer[Any]):
    connection_id = serializers.CharField()
    request_id = serializers.CharField(allow_null=True)
    outcome = serializers.CharField(help_text="QUEUED, SCHEDULED, HOLD, FAILED, or the cause of an ignored branch.")
    failure_message = serializers.CharField(allow_null=True)
    rules = serializers.ListField(child=ObjectField())
    steps = StepOutput(many=True)
    request = RunResultOutput()
    delivery = DeliveryOutput(allow_null=True)


class DryRunViewSet(ApiViewSet):
    parser_classes = (LargeJSONParser,)

    @extend_schema(operation_id="test_connection", tags=["connections"], request=DryRunInput, responses=DryRunOutput)
    def test(self, request: Call, connection_id: str) -> Response:
        """What the rules make of one request. Nothing is stored, nothing is sent."""
        refuse_unknown(request.query_params, ["team_id"])
        team = cast(TeamRequest, request).team
        rows = for_team(Connection, team).select_related("source", "destination")
        connection = get_for_team(rows, connection_id)
        given = read_input(DryRunInput, request.data)
        subject, request_id = _subject(connection, given)
        ran = dry_run(connection, subject, rules=given.get("rules"))
        return Response(_answer(connection, subject, ran, request_id=request_id))


def _subject(connection: Connection, given: dict[str, Any]) -> tuple[Subject, str | None]:
    """What is tried, and the stored request that it is."""
    if "input" in given and "request_id" in given:
        raise invalid("request_id", "cannot be used together with input; send one of them, or neither")
    if "input" in given:
        return Subject(new_id("req"), read_message(given["input"], at="input"), utc_now()), None
    if "request_id" in given:
        row: Request | None = get_request(connection.team_id, given["request_id"])
    else:
        _, row = latest_input(connection.team_id, connection.id)
    if row is None:
        raise invalid("input", "is required: the connection's source has accepted no request yet")
    if row.status != RequestStatus.ACCEPTED and row.body is None:
        raise invalid("request_id", "the body of this request was too large and is not stored")
    message = Message(row.method, row.path, row.query, row.headers, bytes(row.body or b""))
    return Subject(row.id, message, time_of(row.id)), row.id


def _answer(connection: Connection, subject: Subject, ran: DryRun, *, request_id: str | None) -> dict[str, Any]:
    message = ran.branch.payload or subject.message
    return {
        "connection_id": connection.id,
        "request_id": request_id,
        "outcome": ran.outcome,
        "failure_message": ran.branch.failure_message,
        "rules": [shown_rule(rule) for rule in ran.rules],
        "steps": ran.steps,
        "request": message_answer(message),
        "delivery": preview_delivery(connection, ran, message) if ran.branch.is_open else None,
    }
