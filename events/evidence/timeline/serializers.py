"""Serializers of timelines, which the API calls traces."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from events.evidence.answers import request_answer
from events.evidence.serializers import RequestOutput
from events.evidence.timeline.compose import Timeline
from events.evidence.timeline.entries import Kind, entry_answer
from events.evidence.timeline.reading import MAX_REPLAYS, Evidence
from events.states import Status
from fasthook.api.describe import PaginationOutput
from fasthook.api.fields import MomentField, ObjectField


class TraceEntryOutput(serializers.Serializer[Any]):
    """Ids that an entry does not have are left out."""

    at = MomentField(help_text="Of what is to come: when it is due.")
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    title = serializers.CharField(help_text="The same in words.")
    request_id = serializers.CharField(required=False)
    event_id = serializers.CharField(required=False)
    connection_id = serializers.CharField(required=False)
    destination_id = serializers.CharField(required=False)
    attempt_id = serializers.CharField(required=False)
    execution_id = serializers.CharField(required=False)
    batch_operation_id = serializers.CharField(required=False)
    audit_id = serializers.CharField(required=False, help_text="Of the entry in the audit log.")
    detail = ObjectField()


class TraceBranchOutput(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    connection_id = serializers.CharField()
    connection_name = serializers.CharField(allow_null=True)
    destination_id = serializers.CharField()
    destination_name = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=[status.value for status in Status])
    ignored_cause = serializers.CharField(allow_null=True)
    attempts = serializers.IntegerField()
    attempts_shown = serializers.IntegerField(help_text="In the timeline: the latest.")
    response_status = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    next_attempt_at = MomentField(allow_null=True)
    retries_left = serializers.IntegerField(help_text="Of the schedule under way, should every attempt fail.")
    transformed = serializers.BooleanField()
    batch_operation_id = serializers.CharField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()


class TraceSourceOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    type = serializers.CharField(allow_null=True)


class TraceOutput(serializers.Serializer[Any]):
    request = RequestOutput()
    source = TraceSourceOutput()  # type: ignore[assignment]
    replays = serializers.ListField(child=serializers.CharField(), help_text="Requests that are replays of this one.")
    batch_operation_ids = serializers.ListField(child=serializers.CharField())
    pagination = PaginationOutput(help_text="Of the branches.")
    count = serializers.IntegerField(help_text="Branches on this page.")
    total = serializers.IntegerField(help_text="Branches of the request, ignored ones too.")
    total_exact = serializers.BooleanField()
    branches = TraceBranchOutput(many=True)
    timeline = TraceEntryOutput(many=True)
    notes = serializers.ListField(child=serializers.CharField(), help_text="What was left out, and where it is.")


def timeline_answer(evidence: Evidence, trace: Timeline) -> dict[str, Any]:
    answer = evidence.page.answer(trace.branches)
    return {
        "request": request_answer(evidence.request, evidence.counts),
        "source": {name: evidence.source[name] for name in ("id", "name", "type")},
        "replays": [replay.id for replay in evidence.replays[:MAX_REPLAYS]],
        "batch_operation_ids": trace.batch_operation_ids,
        **{name: answer[name] for name in ("pagination", "count", "total", "total_exact")},
        "branches": trace.branches,
        "timeline": [entry_answer(entry) for entry in trace.timeline],
        "notes": trace.notes,
    }
