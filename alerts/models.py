"""Tables of alerts: rules and channels (configuration), alerts and notifications (evidence).

Alerts and notifications name configuration by id, without foreign keys, since they outlive it.
"""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from alerts.rules.types import ObjectType, RuleConfig, RuleType
from fasthook.lib.model_fields import EncryptedJSONField, IdField, JSONTextField, RefField
from teams.models import Resource, list_indexes


class ChannelType(models.TextChoices):
    WEBHOOK = "WEBHOOK"  # a JSON message, signed with the project's signing secret
    EMAIL = "EMAIL"
    SLACK = "SLACK"  # an incoming webhook of Slack's form


# The keys of `config` that are secret: who knows a Slack webhook's URL may post with it.
CHANNEL_SECRETS: dict[str, frozenset[str]] = {ChannelType.SLACK: frozenset({"url"})}


class AlertChannel(Resource):
    """Where notifications go. `config` is {url} or, for EMAIL, {to: [...]}."""

    id = IdField(prefix="ach", primary_key=True)
    type = models.CharField(max_length=10, choices=ChannelType.choices)
    config = EncryptedJSONField()
    # How far the channel's share of sends is given out: see alerts/outbox/rows.py.
    next_slot_at = models.DateTimeField(db_default=Now())

    shown_as = {**Resource.shown_as, "type": "type", "config": "config"}

    class Meta:
        db_table = "alerts_channel"
        verbose_name = "alert channel"
        constraints = [
            # Readers: a channel asked for by name; the team's list by name.
            models.UniqueConstraint(
                fields=["team", "name"], condition=models.Q(deleted_at=None), name="alert_channel_name_once_per_team"
            ),
        ]
        indexes = list_indexes("alert_channel")

    def secret_keys(self, column: str) -> Collection[str]:
        return CHANNEL_SECRETS.get(self.type, ()) if column == "config" else ()


class AlertRule(Resource):
    """A condition, the objects it is looked for at, and what to do when it holds."""

    id = IdField(prefix="alr", primary_key=True)
    type = models.CharField(max_length=30, choices=[(each.value, each.value) for each in RuleType])
    scope = ArrayField(RefField(), null=True, blank=True, help_text="Ids; empty: all of the team's.")
    threshold = models.FloatField()
    resolve_threshold = models.FloatField(null=True, blank=True)
    window_s = models.PositiveIntegerField(null=True, blank=True)
    min_count = models.PositiveIntegerField(default=0)
    for_s = models.PositiveIntegerField(default=60, help_text="How long it holds before an alert opens.")
    resolve_after_s = models.PositiveIntegerField(default=120, help_text="How long it must be over.")
    repeat_after_s = models.PositiveIntegerField(null=True, blank=True)
    channel_ids = ArrayField(RefField(), default=list)
    muted_until = models.DateTimeField(null=True, blank=True)

    shown_as = {
        **Resource.shown_as,
        "type": "type",
        "scope": "scope",
        "threshold": "config.threshold",
        "resolve_threshold": "config.resolve_threshold",
        "window_s": "config.window_s",
        "min_count": "config.min_count",
        "for_s": "for_s",
        "resolve_after_s": "resolve_after_s",
        "repeat_after_s": "repeat_after_s",
        "channel_ids": "channel_ids",
        "muted_until": "muted_until",
    }

    class Meta:
        db_table = "alerts_rule"
        verbose_name = "alert rule"
        constraints = [
            # Readers: a rule asked for by name; the team's list by name.
            models.UniqueConstraint(
                fields=["team", "name"], condition=models.Q(deleted_at=None), name="alert_rule_name_once_per_team"
            ),
        ]
        indexes = [
            # Read by every evaluation: the rules of one type that are on.
            models.Index(
                fields=["type", "team"], condition=models.Q(deleted_at=None, disabled_at=None), name="alert_rule_on"
            ),
            *list_indexes("alert_rule"),
        ]

    @property
    def numbers(self) -> RuleConfig:
        return RuleConfig(self.threshold, self.resolve_threshold, self.window_s, self.min_count)


class AlertStatus(models.TextChoices):
    PENDING = "PENDING"  # holds, but not for long enough yet; deleted when it does not come to more
    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


class Resolution(models.TextChoices):
    RECOVERED = "RECOVERED"
    RULE_DISABLED = "RULE_DISABLED"
    RULE_DELETED = "RULE_DELETED"


class Alert(models.Model):
    """One object under one rule, from when the condition began to hold until it was over."""

    id = IdField(prefix="alt", primary_key=True)
    team_id = RefField()
    rule_id = RefField()
    rule_type = models.TextField(choices=[(each.value, each.value) for each in RuleType])
    object_type = models.TextField(choices=[(each.value, each.value) for each in ObjectType])
    object_id = RefField()
    object_name = models.TextField()
    status = models.TextField(choices=AlertStatus.choices)
    value = models.FloatField(help_text="As last measured, in the unit of the rule's threshold.")
    summary = models.TextField()
    pending_at = models.DateTimeField(help_text="When the condition began to hold.")
    opened_at = models.DateTimeField(null=True)
    clear_since = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolution = models.TextField(choices=Resolution.choices, null=True)
    notified_at = models.DateTimeField(null=True, help_text="When a notification was last written for it.")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.TextField(null=True)
    muted_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "alerts_alert"
        verbose_name = "alert"
        constraints = [
            # No two alerts of a rule for one object at once. Nobody reads by it.
            models.UniqueConstraint(
                fields=["rule_id", "object_id"],
                condition=models.Q(status__in=["PENDING", "OPEN"]),
                name="alert_once_per_rule_and_object",
            ),
        ]
        indexes = [
            # Reader: every evaluation.
            models.Index(fields=["id"], condition=models.Q(status__in=["PENDING", "OPEN"]), name="alert_standing"),
            # Readers: the team's list, by status, of one rule, of one object.
            models.Index(fields=["team_id", "id"], name="alert_of_team"),
            models.Index(fields=["team_id", "status", "id"], name="alert_by_status"),
            models.Index(fields=["rule_id", "id"], name="alert_of_rule"),
            models.Index(fields=["object_id", "id"], name="alert_of_object"),
            # Reader: retention.
            models.Index(fields=["resolved_at"], name="alert_resolved"),
        ]

    def __str__(self) -> str:
        return self.id


class NotificationKind(models.TextChoices):
    OPENED = "OPENED"
    REPEATED = "REPEATED"
    RESOLVED = "RESOLVED"
    TEST = "TEST"


class NotificationStatus(models.TextChoices):
    PENDING = "PENDING"  # to be sent, or to be sent again
    SENT = "SENT"
    FAILED = "FAILED"
    DROPPED = "DROPPED"  # never sent: too many waited for this channel already


class AlertNotification(models.Model):
    """One message to one channel: the outbox while it waits, evidence afterwards. `due_at` doubles as the lease."""

    id = IdField(prefix="anf", primary_key=True)
    team_id = RefField()
    channel_id = RefField()
    channel_type = models.TextField(choices=ChannelType.choices)
    rule_id = RefField(null=True, help_text="Null for a test.")
    kind = models.TextField(choices=NotificationKind.choices)
    alert_ids = ArrayField(RefField(), default=list)
    message = JSONTextField(help_text="The message, before it takes the form of its channel.")
    status = models.TextField(choices=NotificationStatus.choices)
    due_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0)
    response_status = models.IntegerField(null=True)
    response_body = models.TextField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    created_at = models.DateTimeField()
    last_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alerts_notification"
        verbose_name = "alert notification"
        indexes = [
            # Readers: the claim, and beat's look for what is due.
            models.Index(fields=["due_at"], condition=models.Q(status="PENDING"), name="alert_notification_due"),
            # Readers: the claim (what goes before), and how many wait for a channel.
            models.Index(
                fields=["channel_id", "rule_id", "id"],
                condition=models.Q(status="PENDING"),
                name="alert_notification_waiting",
            ),
            # Readers: the team's list; that of a channel, of a rule, of an alert.
            models.Index(fields=["team_id", "id"], name="alert_notification_of_team"),
            models.Index(fields=["channel_id", "id"], name="alert_notification_of_channel"),
            models.Index(fields=["rule_id", "id"], name="alert_notification_of_rule"),
            GinIndex(fields=["alert_ids"], name="alert_notification_of_alert"),
        ]

    def __str__(self) -> str:
        return self.id
