"""A backtest as the API shows it, and the shapes of its calls."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from connections.transformations.serializers import AnyJSONField
from events.models.backtests import Backtest, BacktestStatus
from events.preview.backtest.tally import WOULD_BE, complete_counts
from events.preview.backtest.verdicts import Verdict
from fasthook.api.fields import InputSerializer, MomentField, ObjectField, TextField
from fasthook.lib.clock import iso


class RehearsalInput(InputSerializer):
    """`rules` as for saving them, null or left out for the saved ones; the range as lists take it, `to` is now unless
    given."""

    rules = AnyJSONField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": TextField(), "to": TextField(required=False)}


class WouldBeOutput(serializers.Serializer[Any]):
    delivered = serializers.IntegerField()
    filtered = serializers.IntegerField()
    deduplicated = serializers.IntegerField()
    failed = serializers.IntegerField()


class WasOutput(WouldBeOutput):
    none = serializers.IntegerField()


class SampleOutput(serializers.Serializer[Any]):
    request_id = serializers.CharField()
    event_id = serializers.CharField(allow_null=True)
    was = serializers.ChoiceField(choices=[verdict.value for verdict in Verdict])
    would_be = serializers.ChoiceField(choices=[verdict.value for verdict in WOULD_BE])
    failed_targets = serializers.ListField(child=serializers.CharField(), required=False)
    error = serializers.CharField(required=False)
    first_request_id = serializers.CharField(required=False)


class RehearsalOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    connection_id = serializers.CharField()
    status = serializers.ChoiceField(choices=BacktestStatus.choices)
    rules = serializers.ListField(child=ObjectField())
    to = MomentField()
    total_count = serializers.IntegerField()
    done_count = serializers.IntegerField()
    progress = serializers.FloatField(help_text="From 0 to 1.")
    would_be = WouldBeOutput()
    was = WasOutput()
    changes = serializers.DictField(child=serializers.IntegerField())
    changed_count = serializers.IntegerField()
    samples = SampleOutput(many=True)
    failure_message = serializers.CharField(allow_null=True)
    requested_by = serializers.CharField()
    created_at = MomentField()
    started_at = MomentField(allow_null=True)
    finished_at = MomentField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": MomentField()}


def backtest_answer(row: Backtest) -> dict[str, Any]:
    return {
        "id": row.id,
        "team_id": row.team_id,
        "connection_id": row.connection_id,
        "status": row.status,
        "rules": row.rules,
        "from": iso(row.range_from),
        "to": iso(row.range_to),
        "total_count": row.total_count,
        "done_count": row.done_count,
        "progress": _progress(row),
        "would_be": complete_counts(row.would_be, WOULD_BE),
        "was": complete_counts(row.was, list(Verdict)),
        "changes": row.changes,
        "changed_count": row.changed_count,
        "samples": row.samples,
        "failure_message": row.failure_message,
        "requested_by": row.requested_by,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
    }


def _progress(row: Backtest) -> float:
    if row.status == BacktestStatus.COMPLETED:
        return 1.0
    return round(min(1.0, row.done_count / row.total_count), 4) if row.total_count else 0.0
