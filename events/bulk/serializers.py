"""A bulk operation and its plan as the API shows them."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from events.bulk.forecast import DestinationForecast
from events.bulk.plan import Plan
from events.evidence.answers import event_answer, request_answer
from events.evidence.selectors import BranchCounts, count_branches
from events.evidence.serializers import EventOutput, RequestOutput
from events.models.bulk import ONGOING, BulkKind, BulkOperation, BulkStatus
from fasthook.api.describe import AppliedRangeOutput
from fasthook.api.fields import MomentField, ObjectField
from fasthook.lib.clock import iso

_TYPES: Final = [str(kind) for kind in BulkKind]
_ENDS: Final = ("done", "failed", "cancelled", "held")


class BulkOperationOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    type = serializers.ChoiceField(choices=_TYPES)
    status = serializers.ChoiceField(choices=BulkStatus.choices)
    filter = ObjectField(help_text="As the lists take it, with the range that applies.")
    total_count = serializers.IntegerField(help_text="What the filter picked when it was planned.")
    total_exact = serializers.BooleanField(help_text="Whether total_count was counted, not estimated.")
    queued_count = serializers.IntegerField(help_text="Queued again, cancelled, or accepted again.")
    skipped_count = serializers.IntegerField()
    skipped = serializers.DictField(child=serializers.IntegerField(), help_text="How many were passed over, by code.")
    done_count = serializers.IntegerField(help_text="Delivered by the attempt that it queued; of a cancel, cancelled.")
    failed_count = serializers.IntegerField(
        help_text="Deliveries whose attempt failed, whether or not a retry is planned."
    )
    cancelled_count = serializers.IntegerField(
        help_text="Deliveries it had queued that were ended before their attempt: withdrawn with the operation, by a"
        " cancel, by their rules, with their connection or destination, or by retention."
    )
    held_count = serializers.IntegerField(
        help_text="Deliveries it had queued that went on hold, since their connection was paused. What comes of them"
        " later counts no more."
    )
    waiting_count = serializers.IntegerField(
        help_text="Deliveries that still wait or are in flight, and requests that are not routed yet."
    )
    progress = serializers.FloatField(help_text="From 0 to 1: what was passed over or is done.")
    cancelable = serializers.BooleanField()
    failure_message = serializers.CharField(allow_null=True)
    requested_by = serializers.CharField()
    created_at = MomentField()
    started_at = MomentField(allow_null=True)
    finished_at = MomentField(
        allow_null=True, help_text="When nothing of it was under way any more. After a cancel, when all was withdrawn."
    )


class DestinationForecastOutput(serializers.Serializer[Any]):
    destination_id = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()
    waiting_count = serializers.IntegerField(help_text="Deliveries that wait for it already, up to 10,000.")
    per_second = serializers.FloatField(help_text="What its limits allow at its latency of late.")
    duration_s = serializers.FloatField()


class _PlanOutput(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=_TYPES)
    filter = ObjectField()
    count = serializers.IntegerField()
    count_exact = serializers.BooleanField(help_text="False when count is an estimate.")
    blocked = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many of them would be passed over now, by code."
    )
    estimated_duration_s = serializers.FloatField()
    destinations = DestinationForecastOutput(many=True, help_text="The slowest first, 50 at most.")
    applied_range = AppliedRangeOutput()


class EventBulkPlanOutput(_PlanOutput):
    sample = EventOutput(many=True, help_text="The newest ten.")


class RequestBulkPlanOutput(_PlanOutput):
    sample = RequestOutput(many=True, help_text="The newest ten.")


def operation_answer(row: BulkOperation) -> dict[str, Any]:
    """Of a row with its outcomes (results.with_outcomes), or one that was made just now."""
    counts = {name: getattr(row, f"{name}_count") + getattr(row, f"late_{name}", 0) for name in _ENDS}
    waiting = getattr(row, "waiting", 0)
    return {
        "id": row.id,
        "team_id": row.team_id,
        "type": row.type,
        "status": row.status,
        "filter": row.filter,
        "total_count": row.total_count,
        "total_exact": row.total_exact,
        "queued_count": row.queued_count,
        "skipped_count": row.skipped_count,
        "skipped": row.skipped,
        **{f"{name}_count": count for name, count in counts.items()},
        "waiting_count": waiting,
        "progress": _progress(row, done=sum(counts.values()), waiting=waiting),
        "cancelable": row.status in ONGOING,
        "failure_message": row.failure_message,
        "requested_by": row.requested_by,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
    }


def plan_answer(plan: Plan) -> dict[str, Any]:
    return {
        "type": plan.selection.kind.value,
        "filter": plan.selection.params,
        "count": plan.census.total,
        "count_exact": plan.census.exact,
        "blocked": {code.value: count for code, count in sorted(plan.forecast.blocked.items())},
        "estimated_duration_s": round(plan.forecast.seconds, 1),
        "destinations": [_destination(each) for each in plan.forecast.destinations],
        "applied_range": plan.selection.time_range.applied(),
        "sample": _sample(plan),
    }


def _sample(plan: Plan) -> list[dict[str, Any]]:
    if plan.selection.kind is not BulkKind.REQUEST_RETRY:
        return [event_answer(row) for row in plan.sample]
    counts = count_branches([row.id for row in plan.sample])
    return [request_answer(row, counts.get(row.id, BranchCounts())) for row in plan.sample]


def _destination(found: DestinationForecast) -> dict[str, Any]:
    return {
        "destination_id": found.destination_id,
        "name": found.name,
        "count": found.count,
        "waiting_count": found.waiting_count,
        "per_second": round(found.per_s, 3),
        "duration_s": round(found.seconds, 1),
    }


def _progress(row: BulkOperation, *, done: int, waiting: int) -> float:
    """A request that was accepted again may have several deliveries, or none: such count by their share."""
    if row.status == BulkStatus.COMPLETED:
        return 1.0
    share = done / (done + waiting) if done + waiting else 1.0
    been_through = row.queued_count * share + row.skipped_count
    return round(min(1.0, been_through / row.total_count), 4) if row.total_count else 0.0
