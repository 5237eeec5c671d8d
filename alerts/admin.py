"""Support staff's view of alerts, rules, channels and notifications. What a channel leads to is not shown."""

from __future__ import annotations

from django.contrib import admin

from alerts.models import Alert, AlertChannel, AlertNotification, AlertRule
from fasthook.lib.staff import EvidenceAdmin, ReadOnlyAdmin


@admin.register(AlertRule)
class AlertRuleAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", "threshold", "disabled_at", "deleted_at", "updated_at")
    list_filter = ("type",)
    list_select_related = ("team",)
    search_fields = ("id__exact", "team__id__exact", "name")
    ordering = ("-id",)


@admin.register(AlertChannel)
class AlertChannelAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", "disabled_at", "deleted_at", "updated_at")
    list_select_related = ("team",)
    search_fields = ("id__exact", "team__id__exact", "name")
    ordering = ("-id",)


@admin.register(Alert)
class AlertAdmin(EvidenceAdmin):
    found_by = {
        "alt": "id",
        "alr": "rule_id",
        "tm": "team_id",
        "conn": "object_id",
        "des": "object_id",
        "src": "object_id",
    }
    list_display = ("id", "team_id", "rule_type", "object_id", "status", "opened_at", "resolved_at")
    ordering = ("-id",)


@admin.register(AlertNotification)
class AlertNotificationAdmin(EvidenceAdmin):
    found_by = {"anf": "id", "ach": "channel_id", "alr": "rule_id", "tm": "team_id"}
    exclude = ("message", "response_body")
    list_display = ("id", "team_id", "channel_id", "kind", "status", "attempts", "error_code", "created_at")
    ordering = ("-id",)
