"""Support staff's view of evidence and of waiting work: found by id, never counted, never changed.

Headers, bodies, query strings and what transformations wrote are left out: they carry other people's credentials and
data, and their teams have the API for them.
DeduplicationKey and DiscardedRequests have composite keys, which Django's admin does not take.
"""

from __future__ import annotations

from django.contrib import admin

from events.models import (
    Attempt,
    DeliveryJob,
    DeliveryLane,
    Event,
    Request,
    RouteJob,
    RuleRehearsal,
    TransformationExecution,
)
from fasthook.lib.staff import EvidenceAdmin


@admin.register(Request)
class RequestAdmin(EvidenceAdmin):
    found_by = {"req": "id", "src": "source_id", "tm": "team_id"}
    exclude = ("headers", "body", "query")
    list_display = ("id", "team_id", "source_id", "status", "rejection_cause", "verified", "method", "created_at")
    ordering = ("-id",)


@admin.register(Event)
class EventAdmin(EvidenceAdmin):
    found_by = {
        "evt": "id",
        "req": "request_id",
        "conn": "connection_id",
        "des": "destination_id",
        "tm": "team_id",
    }
    list_display = ("id", "team_id", "connection_id", "status", "attempts", "error_code", "ignored_cause", "created_at")
    ordering = ("-id",)


@admin.register(Attempt)
class AttemptAdmin(EvidenceAdmin):
    found_by = {
        "att": "id",
        "evt": "event_id",
        "conn": "connection_id",
        "des": "destination_id",
        "tm": "team_id",
    }
    exclude = ("request_headers", "response_headers", "body", "requested_url")
    list_display = ("id", "event_id", "attempt_number", "trigger", "status", "response_status", "error_code", "latency")
    ordering = ("-id",)


@admin.register(TransformationExecution)
class TransformationExecutionAdmin(EvidenceAdmin):
    found_by = {"txe": "id", "trs": "transformation_id"}
    # Whatever a transformation says or makes may hold what the request held; an error may quote it.
    exclude = ("logs", "after", "error")
    list_display = (
        "id",
        "team_id",
        "transformation_id",
        "event_id",
        "status",
        "error_kind",
        "duration_us",
        "created_at",
    )
    ordering = ("-id",)


@admin.register(RuleRehearsal)
class RuleRehearsalAdmin(EvidenceAdmin):
    found_by = {"rhr": "id", "conn": "connection_id"}
    # Filters and code may hold a team's data; an error in a sample may quote a request.
    exclude = ("rules", "samples")
    list_display = ("id", "team_id", "connection_id", "status", "total_count", "done_count", "tries", "lease_until")
    ordering = ("-id",)


@admin.register(RouteJob)
class RouteJobAdmin(EvidenceAdmin):
    found_by = {"req": "request_id"}
    list_display = ("request_id", "source_id", "due_at", "tries", "lease_token")
    ordering = ("due_at",)


@admin.register(DeliveryJob)
class DeliveryJobAdmin(EvidenceAdmin):
    found_by = {"evt": "event_id", "des": "destination_id"}
    list_display = ("event_id", "destination_id", "rank", "due_at", "attempt_number", "trigger", "tries")
    ordering = ("-event_id",)


@admin.register(DeliveryLane)
class DeliveryLaneAdmin(EvidenceAdmin):
    found_by = {"des": "destination_id"}
    list_display = ("destination_id", "last_slot_at")
    ordering = ("destination_id",)
