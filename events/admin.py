"""Support staff's view of evidence and of waiting work: found by id, never counted, never changed.

Headers, bodies, query strings and what transformations wrote are left out: they carry other people's credentials and
data, and their teams have the API for them. Likewise filters of bulk operations and rules of backtests.
DeduplicationKey and DiscardedRequests have composite keys, which Django's admin does not take.
"""

from __future__ import annotations

from django.contrib import admin

from events.bulk.plan import cancel_operation
from events.models import (
    Attempt,
    Backtest,
    BulkOperation,
    DeliveryJob,
    DestinationLease,
    Event,
    Request,
    RouteJob,
    TransformationExecution,
)
from events.models.backtests import UNFINISHED
from events.models.bulk import ONGOING
from events.preview.backtest.services import cancel_backtest
from events.routing.decide import TRANSFORMATION_FAILED
from fasthook.admin.actions import SafeAction, confirmed
from fasthook.admin.fields import Shown, linked, moment
from fasthook.admin.staff import EvidenceAdmin
from teams.audit.request_context import current_who

_AT = moment("created_at")
_SOURCE = linked("source_id")
_CONNECTION = linked("connection_id")
_EVENT = linked("event_id")


@admin.display(description="failure message", empty_value="-")
def _failure(row: Event) -> str | None:
    """Without what a transformation threw: it may quote the request."""
    message = row.failure_message or ""
    return TRANSFORMATION_FAILED if message.startswith(TRANSFORMATION_FAILED) else message or None


@admin.register(Request)
class RequestAdmin(EvidenceAdmin):
    found_by = {"req": "id", "src": "source_id", "tm": "team_id", "bch": "batch_operation_id"}
    exclude = ("headers", "body", "query")
    list_display = ("id", _AT, "status", "rejection_cause", "verified", "method", _SOURCE)


@admin.register(Event)
class EventAdmin(EvidenceAdmin):
    found_by = {
        "evt": "id",
        "req": "request_id",
        "conn": "connection_id",
        "des": "destination_id",
        "tm": "team_id",
        "bch": "batch_operation_id",
    }
    list_display = (
        "id",
        _AT,
        "status",
        "attempts",
        "outcome",
        _CONNECTION,
    )

    def shown_instead(self, shown: str | Shown) -> str | Shown:
        return _failure if shown == "failure_message" else shown

    @admin.display(description="outcome", empty_value="-")
    def outcome(self, row: Event) -> int | str | None:
        return row.response_status or row.ignored_cause or row.error_code


@admin.register(Attempt)
class AttemptAdmin(EvidenceAdmin):
    found_by = {
        "att": "id",
        "evt": "event_id",
        "conn": "connection_id",
        "des": "destination_id",
        "tm": "team_id",
        "bch": "batch_operation_id",
    }
    exclude = ("request_headers", "response_headers", "body", "requested_url")
    list_display = (
        "id",
        _AT,
        "number",
        "trigger",
        "status",
        "outcome",
        "latency_ms",
        _EVENT,
    )

    @admin.display(description="no.")
    def number(self, row: Attempt) -> int:
        return row.attempt_number

    @admin.display(description="outcome", empty_value="-")
    def outcome(self, row: Attempt) -> int | str | None:
        return row.response_status or row.error_code

    @admin.display(description="ms")
    def latency_ms(self, row: Attempt) -> int:
        return row.latency


@admin.register(TransformationExecution)
class TransformationExecutionAdmin(EvidenceAdmin):
    found_by = {"txe": "id", "trs": "transformation_id", "req": "request_id"}
    # Whatever a transformation says or makes may hold what the request held; an error may quote it.
    exclude = ("logs", "after", "error")
    list_display = (
        "id",
        _AT,
        "status",
        "error_kind",
        "duration_us",
        linked("transformation_id"),
        _EVENT,
    )


@admin.register(BulkOperation)
class BulkOperationAdmin(EvidenceAdmin):
    found_by = {"bch": "id", "tm": "team_id"}
    # What was searched for (q) may quote a payload.
    exclude = ("digest", "filter")
    list_display = ("id", _AT, "status", "type", "total_count", "queued_count", "requested_by", linked("team_id"))
    actions_detail = ("cancel",)

    cancel = confirmed(
        SafeAction(
            label="Cancel",
            effect="No further page of it is worked on, and what it has queued and still waits becomes CANCELLED. What"
            " is in flight is let finish.",
            done="The bulk operation is cancelled.",
            act=lambda row: cancel_operation(row, actor=current_who()),
            is_open=lambda row: row.status in ONGOING,
        )
    )


@admin.register(Backtest)
class BacktestAdmin(EvidenceAdmin):
    found_by = {"rhr": "id", "conn": "connection_id"}
    # Filters and code may hold a team's data; an error in a sample may quote a request.
    exclude = ("rules", "samples")
    list_display = ("id", _AT, "status", "total_count", "done_count", "requested_by", _CONNECTION)
    actions_detail = ("cancel",)

    cancel = confirmed(
        SafeAction(
            label="Cancel",
            effect="It ends where it is; what it has found so far stays. Nothing that was delivered changes.",
            done="The rehearsal is cancelled.",
            act=cancel_backtest,
            is_open=lambda row: row.status in UNFINISHED,
        )
    )


@admin.register(RouteJob)
class RouteJobAdmin(EvidenceAdmin):
    found_by = {"req": "request_id"}
    list_display = ("request_id", moment("due_at"), "claim_count", "lease_token", _SOURCE)


@admin.register(DeliveryJob)
class DeliveryJobAdmin(EvidenceAdmin):
    found_by = {"evt": "event_id", "des": "destination_id"}
    list_display = (
        "event_id",
        moment("due_at"),
        "rank",
        "attempt_number",
        "trigger",
        "claim_count",
        linked("destination_id"),
    )


@admin.register(DestinationLease)
class DestinationLeaseAdmin(EvidenceAdmin):
    found_by = {"des": "destination_id"}
    list_display = ("destination_id", moment("owned_until"), moment("last_slot_at"))
