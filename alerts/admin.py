"""Support staff's view of alerts, rules, channels and notifications. What a channel leads to is not shown."""

from __future__ import annotations

from django.contrib import admin

from alerts.models import Alert, AlertChannel, AlertNotification, AlertRule
from fasthook.admin.fields import linked, moment
from fasthook.admin.staff import EvidenceAdmin, ReadOnlyAdmin


@admin.register(AlertRule)
class AlertRuleAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", "threshold", moment("disabled_at"), moment("updated_at"))
    list_filter = ("type",)
    list_select_related = ("team",)
    found_by = {"alr": "id", "tm": "team_id"}
    search_fields = ("name",)
    search_help_text = "An id (alr_, tm_), or part of a name"
    ordering = ("-id",)


@admin.register(AlertChannel)
class AlertChannelAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", moment("disabled_at"), moment("updated_at"))
    list_select_related = ("team",)
    found_by = {"ach": "id", "tm": "team_id"}
    search_fields = ("name",)
    search_help_text = "An id (ach_, tm_), or part of a name"
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
    list_display = ("id", moment("opened_at"), moment("resolved_at"), "rule_type", "status", linked("object_id"))


@admin.register(AlertNotification)
class AlertNotificationAdmin(EvidenceAdmin):
    found_by = {"anf": "id", "ach": "channel_id", "alr": "rule_id", "tm": "team_id"}
    exclude = ("message", "response_body")
    list_display = ("id", moment("created_at"), "kind", "status", "attempts", "error_code", linked("channel_id"))
