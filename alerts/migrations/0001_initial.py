"""Rules and channels of alerts, alerts, and the outbox of their notifications."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import fasthook.lib.model_fields
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("teams", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="alt", primary_key=True, serialize=False
                    ),
                ),
                ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                ("rule_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                (
                    "rule_type",
                    models.TextField(
                        choices=[
                            ("FAILURE_RATE", "FAILURE_RATE"),
                            ("BACKLOG", "BACKLOG"),
                            ("BACKLOG_AGE", "BACKLOG_AGE"),
                            ("REJECTED_REQUESTS", "REJECTED_REQUESTS"),
                            ("SOURCE_DISABLED", "SOURCE_DISABLED"),
                            ("DESTINATION_DISABLED", "DESTINATION_DISABLED"),
                            ("CONNECTION_DISABLED", "CONNECTION_DISABLED"),
                            ("BULK_OPERATION_FAILED", "BULK_OPERATION_FAILED"),
                        ]
                    ),
                ),
                (
                    "object_type",
                    models.TextField(
                        choices=[
                            ("source", "source"),
                            ("destination", "destination"),
                            ("connection", "connection"),
                            ("bulk_operation", "bulk_operation"),
                        ]
                    ),
                ),
                ("object_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                ("object_name", models.TextField()),
                (
                    "status",
                    models.TextField(choices=[("PENDING", "Pending"), ("OPEN", "Open"), ("RESOLVED", "Resolved")]),
                ),
                ("value", models.FloatField(help_text="As last measured, in the unit of the rule's threshold.")),
                ("summary", models.TextField()),
                ("pending_at", models.DateTimeField(help_text="When the condition began to hold.")),
                ("opened_at", models.DateTimeField(null=True)),
                ("clear_since", models.DateTimeField(null=True)),
                ("resolved_at", models.DateTimeField(null=True)),
                (
                    "resolution",
                    models.TextField(
                        choices=[
                            ("RECOVERED", "Recovered"),
                            ("RULE_DISABLED", "Rule Disabled"),
                            ("RULE_DELETED", "Rule Deleted"),
                        ],
                        null=True,
                    ),
                ),
                (
                    "notified_at",
                    models.DateTimeField(help_text="When a notification was last written for it.", null=True),
                ),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("acknowledged_by", models.TextField(null=True)),
                ("muted_until", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "alert",
                "db_table": "alerts_alert",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["PENDING", "OPEN"])), fields=["id"], name="alert_standing"
                    ),
                    models.Index(fields=["team_id", "id"], name="alert_of_team"),
                    models.Index(fields=["team_id", "status", "id"], name="alert_by_status"),
                    models.Index(fields=["rule_id", "id"], name="alert_of_rule"),
                    models.Index(fields=["object_id", "id"], name="alert_of_object"),
                    models.Index(fields=["resolved_at"], name="alert_resolved"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["PENDING", "OPEN"])),
                        fields=("rule_id", "object_id"),
                        name="alert_once_per_rule_and_object",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertNotification",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="anf", primary_key=True, serialize=False
                    ),
                ),
                ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                ("channel_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                (
                    "channel_type",
                    models.TextField(choices=[("WEBHOOK", "Webhook"), ("EMAIL", "Email"), ("SLACK", "Slack")]),
                ),
                (
                    "rule_id",
                    fasthook.lib.model_fields.RefField(db_collation="C", help_text="Null for a test.", null=True),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("OPENED", "Opened"),
                            ("REPEATED", "Repeated"),
                            ("RESOLVED", "Resolved"),
                            ("TEST", "Test"),
                        ]
                    ),
                ),
                (
                    "alert_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=fasthook.lib.model_fields.RefField(db_collation="C"), default=list, size=None
                    ),
                ),
                (
                    "message",
                    fasthook.lib.model_fields.JSONTextField(
                        help_text="The message, before it takes the form of its channel."
                    ),
                ),
                (
                    "status",
                    models.TextField(
                        choices=[("PENDING", "Pending"), ("SENT", "Sent"), ("FAILED", "Failed"), ("DROPPED", "Dropped")]
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("lease_token", models.UUIDField(null=True)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("response_status", models.IntegerField(null=True)),
                ("response_body", models.TextField(null=True)),
                ("error_code", models.TextField(null=True)),
                ("error_message", models.TextField(null=True)),
                ("created_at", models.DateTimeField()),
                ("last_attempt_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "alert notification",
                "db_table": "alerts_notification",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "PENDING")), fields=["due_at"], name="alert_notification_due"
                    ),
                    models.Index(
                        condition=models.Q(("status", "PENDING")),
                        fields=["channel_id", "rule_id", "id"],
                        name="alert_notification_waiting",
                    ),
                    models.Index(fields=["team_id", "id"], name="alert_notification_of_team"),
                    models.Index(fields=["channel_id", "id"], name="alert_notification_of_channel"),
                    models.Index(fields=["rule_id", "id"], name="alert_notification_of_rule"),
                    django.contrib.postgres.indexes.GinIndex(fields=["alert_ids"], name="alert_notification_of_alert"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="ach", primary_key=True, serialize=False
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="%(class)ss", to="teams.team"
                    ),
                ),
                ("name", models.CharField(max_length=155)),
                ("description", models.TextField(blank=True, default="")),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("version", models.BigIntegerField(db_index=True, default=0)),
                (
                    "type",
                    models.CharField(
                        choices=[("WEBHOOK", "Webhook"), ("EMAIL", "Email"), ("SLACK", "Slack")], max_length=10
                    ),
                ),
                ("config", fasthook.lib.model_fields.EncryptedJSONField()),
                ("next_slot_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name": "alert channel",
                "db_table": "alerts_channel",
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "created_at", "id"],
                        name="alert_channel_by_created",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "updated_at", "id"],
                        name="alert_channel_by_updated",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("team", "name"),
                        name="alert_channel_name_once_per_team",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="alr", primary_key=True, serialize=False
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="%(class)ss", to="teams.team"
                    ),
                ),
                ("name", models.CharField(max_length=155)),
                ("description", models.TextField(blank=True, default="")),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("version", models.BigIntegerField(db_index=True, default=0)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("FAILURE_RATE", "FAILURE_RATE"),
                            ("BACKLOG", "BACKLOG"),
                            ("BACKLOG_AGE", "BACKLOG_AGE"),
                            ("REJECTED_REQUESTS", "REJECTED_REQUESTS"),
                            ("SOURCE_DISABLED", "SOURCE_DISABLED"),
                            ("DESTINATION_DISABLED", "DESTINATION_DISABLED"),
                            ("CONNECTION_DISABLED", "CONNECTION_DISABLED"),
                            ("BULK_OPERATION_FAILED", "BULK_OPERATION_FAILED"),
                        ],
                        max_length=30,
                    ),
                ),
                (
                    "scope",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=fasthook.lib.model_fields.RefField(db_collation="C"),
                        blank=True,
                        help_text="Ids; empty: all of the team's.",
                        null=True,
                        size=None,
                    ),
                ),
                ("threshold", models.FloatField()),
                ("resolve_threshold", models.FloatField(blank=True, null=True)),
                ("window_s", models.PositiveIntegerField(blank=True, null=True)),
                ("min_count", models.PositiveIntegerField(default=0)),
                (
                    "for_s",
                    models.PositiveIntegerField(default=60, help_text="How long it holds before an alert opens."),
                ),
                ("resolve_after_s", models.PositiveIntegerField(default=120, help_text="How long it must be over.")),
                ("repeat_after_s", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "channel_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=fasthook.lib.model_fields.RefField(db_collation="C"), default=list, size=None
                    ),
                ),
                ("muted_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "alert rule",
                "db_table": "alerts_rule",
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("disabled_at", None)),
                        fields=["type", "team"],
                        name="alert_rule_on",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "created_at", "id"],
                        name="alert_rule_by_created",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "updated_at", "id"],
                        name="alert_rule_by_updated",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("team", "name"),
                        name="alert_rule_name_once_per_team",
                    )
                ],
            },
        ),
    ]
