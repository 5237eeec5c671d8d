"""Serializers of alerts, rules, channels and notifications."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from alerts.channels.config import channel_warnings, shown_channel_config
from alerts.models import (
    Alert,
    AlertChannel,
    AlertNotification,
    AlertRule,
    AlertStatus,
    ChannelType,
    NotificationKind,
    NotificationStatus,
    Resolution,
)
from alerts.rules.types import DAY_S, ObjectType, RuleType, shown_config
from fasthook.api.fields import (
    MAX_DESCRIPTION_LENGTH,
    ChoiceField,
    InputSerializer,
    IntegerField,
    MomentField,
    NameField,
    ObjectField,
    TextField,
)
from fasthook.lib.clock import iso, parse_when, utc_now
from fasthook.lib.errors import InvalidInput

MIN_REPEAT_S = 300
MAX_MUTE = timedelta(days=366)
RULE_TYPES = [(each.value, each.value) for each in RuleType]
OBJECT_TYPES = [(each.value, each.value) for each in ObjectType]


class UntilField(MomentField):
    """An instant that may lie ahead, a year at most."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or null")
        now = utc_now()
        try:
            moment = parse_when(value, at="moment", now=now)
        except InvalidInput as error:
            raise ValidationError(error.fields["moment"]) from None
        if moment > now + MAX_MUTE:
            raise ValidationError("must lie within the next 366 days")
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class RuleInput(InputSerializer):
    echoed = frozenset({"created_at", "updated_at"})

    id = TextField(required=False)
    team_id = TextField(required=False)
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    type = ChoiceField(choices=RULE_TYPES)
    config = ObjectField(required=False)
    scope = serializers.ListField(child=TextField(), required=False, allow_null=True)
    for_s = IntegerField(min_value=0, max_value=DAY_S, required=False)
    resolve_after_s = IntegerField(min_value=0, max_value=DAY_S, required=False)
    repeat_after_s = IntegerField(min_value=MIN_REPEAT_S, max_value=30 * DAY_S, required=False, allow_null=True)
    channel_ids = serializers.ListField(child=TextField(), required=False)
    muted_until = UntilField(required=False, allow_null=True)
    disabled_at = MomentField(required=False, allow_null=True)


class RuleConfigOutput(serializers.Serializer[Any]):
    threshold = serializers.FloatField(required=False, help_text="Percent, events, seconds or requests, by type.")
    resolve_threshold = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="An open alert lasts until the value is below; null: 80 % of threshold.",
    )
    window_s = serializers.IntegerField(required=False)
    min_count = serializers.IntegerField(required=False, help_text="FAILURE_RATE: attempts that it takes to open.")

    def to_representation(self, instance: AlertRule) -> dict[str, Any]:
        return shown_config(RuleType(instance.type), instance.numbers)


class RuleOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    type = serializers.ChoiceField(choices=RULE_TYPES)
    config = RuleConfigOutput(source="*")
    scope = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="Ids; null: all.")
    for_s = serializers.IntegerField(help_text="How long the condition holds before an alert opens.")
    resolve_after_s = serializers.IntegerField(help_text="How long it must be over before the alert resolves.")
    repeat_after_s = serializers.IntegerField(allow_null=True)
    channel_ids = serializers.ListField(child=serializers.CharField())
    muted_until = MomentField(allow_null=True)
    disabled_at = MomentField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()


class DefaultRulesOutput(serializers.Serializer[Any]):
    models = RuleOutput(many=True, help_text="Those that were made.")


class ChannelInput(InputSerializer):
    echoed = frozenset({"created_at", "updated_at", "warnings"})

    id = TextField(required=False)
    team_id = TextField(required=False)
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    type = ChoiceField(choices=ChannelType.choices)
    config = ObjectField(required=False)
    disabled_at = MomentField(required=False, allow_null=True)


class ChannelConfigOutput(serializers.Serializer[Any]):
    url = serializers.CharField(required=False, help_text="WEBHOOK and SLACK; masked for SLACK.")
    to = serializers.ListField(child=serializers.CharField(), required=False, help_text="EMAIL.")

    def to_representation(self, instance: AlertChannel) -> dict[str, Any]:
        return shown_channel_config(instance)


class ChannelOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    type = serializers.ChoiceField(choices=ChannelType.choices)
    config = ChannelConfigOutput(source="*")
    disabled_at = MomentField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()
    warnings = serializers.SerializerMethodField()

    def get_warnings(self, row: AlertChannel) -> list[str]:
        return channel_warnings(row.type)


class MuteInput(InputSerializer):
    muted_until = UntilField(required=False)
    for_s = IntegerField(min_value=1, max_value=366 * DAY_S, required=False)


class AlertObjectOutput(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=OBJECT_TYPES)
    id = serializers.CharField()
    name = serializers.CharField()


class AlertOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    rule_id = serializers.CharField()
    rule_type = serializers.ChoiceField(choices=RULE_TYPES)
    object = AlertObjectOutput()
    status = serializers.ChoiceField(choices=AlertStatus.choices)
    value = serializers.FloatField(help_text="As last measured.")
    summary = serializers.CharField()
    pending_at = MomentField(help_text="When the condition began to hold.")
    opened_at = MomentField(allow_null=True)
    resolved_at = MomentField(allow_null=True)
    resolution = serializers.ChoiceField(choices=Resolution.choices, allow_null=True)
    notified_at = MomentField(allow_null=True, help_text="When a notification was last written for it.")
    acknowledged_at = MomentField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_null=True)
    muted_until = MomentField(allow_null=True)


class NotificationOutput(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="What a webhook has as webhook-id.")
    team_id = serializers.CharField()
    channel_id = serializers.CharField()
    channel_type = serializers.ChoiceField(choices=ChannelType.choices)
    rule_id = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(choices=NotificationKind.choices)
    alert_ids = serializers.ListField(child=serializers.CharField())
    message = ObjectField(help_text="What was told: a webhook's body as it is.")
    status = serializers.ChoiceField(choices=NotificationStatus.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = MomentField(allow_null=True)
    response_status = serializers.IntegerField(allow_null=True)
    response_body = serializers.CharField(allow_null=True, help_text="The first 1000 characters.")
    error_code = serializers.CharField(allow_null=True)
    error_message = serializers.CharField(allow_null=True)
    created_at = MomentField()
    last_attempt_at = MomentField(allow_null=True)
    sent_at = MomentField(allow_null=True)


class AlertDetailOutput(AlertOutput):
    notifications = NotificationOutput(many=True, help_text="The newest 20.")


def alert_answer(row: Alert) -> dict[str, Any]:
    return {
        "id": row.id,
        "team_id": row.team_id,
        "rule_id": row.rule_id,
        "rule_type": row.rule_type,
        "object": {"type": row.object_type, "id": row.object_id, "name": row.object_name},
        "status": row.status,
        "value": row.value,
        "summary": row.summary,
        "pending_at": iso(row.pending_at),
        "opened_at": iso(row.opened_at),
        "resolved_at": iso(row.resolved_at),
        "resolution": row.resolution,
        "notified_at": iso(row.notified_at),
        "acknowledged_at": iso(row.acknowledged_at),
        "acknowledged_by": row.acknowledged_by,
        "muted_until": iso(row.muted_until),
    }


def notification_answer(row: AlertNotification) -> dict[str, Any]:
    waits = row.status == NotificationStatus.PENDING and row.lease_token is None
    return {
        "id": row.id,
        "team_id": row.team_id,
        "channel_id": row.channel_id,
        "channel_type": row.channel_type,
        "rule_id": row.rule_id,
        "kind": row.kind,
        "alert_ids": row.alert_ids,
        "message": row.message,
        "status": row.status,
        "attempts": row.attempts,
        "next_attempt_at": iso(row.due_at) if waits else None,
        "response_status": row.response_status,
        "response_body": row.response_body,
        "error_code": row.error_code,
        "error_message": row.error_message,
        "created_at": iso(row.created_at),
        "last_attempt_at": iso(row.last_attempt_at),
        "sent_at": iso(row.sent_at),
    }
