"""State of the tables of bulk operations and rehearsals."""

from django.db import migrations, models
from django.db.models.functions import Now

from events.migrations.state.choices import titles, values
from fasthook.lib.model_fields import EncryptedJSONField, IdField, JSONTextField, RefField

OPERATIONS = [
    migrations.CreateModel(
        name="BulkOperation",
        fields=[
            ("id", IdField(prefix="bch", primary_key=True, serialize=False)),
            ("team_id", RefField()),
            (
                "type",
                models.TextField(choices=values("event_bulk_retry", "event_bulk_cancel", "request_bulk_retry")),
            ),
            (
                "status",
                models.TextField(
                    choices=titles("PLANNED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"), default="PLANNED"
                ),
            ),
            (
                "digest",
                models.BinaryField(help_text="Of team, type and filter as they were asked for.", max_length=32),
            ),
            (
                "filter",
                models.JSONField(
                    help_text="Query parameters of the list that it works through, the range without end."
                ),
            ),
            ("range_from", models.DateTimeField()),
            ("range_to", models.DateTimeField(help_text="Inside, to the millisecond; not after it was planned.")),
            ("position", RefField(default="", help_text="The last event or request that a page looked at.")),
            ("total_count", models.IntegerField()),
            ("total_exact", models.BooleanField()),
            ("queued_count", models.IntegerField(default=0)),
            ("skipped_count", models.IntegerField(default=0)),
            ("skipped", models.JSONField(default=dict, help_text="How many were passed over, by code.")),
            ("done_count", models.IntegerField(default=0, help_text="Without what bulk_outcome still holds.")),
            ("failed_count", models.IntegerField(default=0, help_text="Without what bulk_outcome still holds.")),
            (
                "cancelled_count",
                models.IntegerField(db_default=0, default=0, help_text="Without what bulk_outcome still holds."),
            ),
            (
                "held_count",
                models.IntegerField(db_default=0, default=0, help_text="Without what bulk_outcome still holds."),
            ),
            ("failure_message", models.TextField(null=True)),
            ("requested_by", models.TextField()),
            ("created_at", models.DateTimeField()),
            ("started_at", models.DateTimeField(null=True)),
            ("pages_done_at", models.DateTimeField(help_text="When its last page was through.", null=True)),
            ("finished_at", models.DateTimeField(null=True)),
            ("turn_at", models.DateTimeField(help_text="When a worker last took it on.", null=True)),
            ("lease_until", models.DateTimeField(db_default=Now())),
            ("lease_token", models.UUIDField(null=True)),
            (
                "claim_count",
                models.SmallIntegerField(default=0, help_text="Claims since the last page that was saved."),
            ),
        ],
        options={
            "verbose_name": "bulk operation",
            "db_table": "bulk_operation",
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("status__in", ["PLANNED", "RUNNING"])),
                    fields=("digest",),
                    name="bulk_operation_once_at_a_time",
                )
            ],
            "indexes": [
                models.Index(
                    condition=models.Q(("finished_at__isnull", True)),
                    fields=["lease_until"],
                    name="bulk_operation_unfinished",
                ),
                models.Index(fields=["team_id", "id"], name="bulk_operation_team"),
            ],
        },
    ),
    migrations.CreateModel(
        name="BulkOutcome",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("operation_id", RefField()),
            ("done", models.IntegerField()),
            ("failed", models.IntegerField()),
            ("cancelled", models.IntegerField(db_default=0, default=0)),
            ("held", models.IntegerField(db_default=0, default=0)),
        ],
        options={
            "db_table": "bulk_outcome",
            "indexes": [models.Index(fields=["operation_id"], name="bulk_outcome_operation")],
        },
    ),
    migrations.CreateModel(
        name="Backtest",
        fields=[
            ("id", IdField(prefix="rhr", primary_key=True, serialize=False)),
            ("team_id", RefField()),
            ("connection_id", RefField()),
            ("source_id", RefField()),
            (
                "status",
                models.TextField(
                    choices=titles("PLANNED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"), default="PLANNED"
                ),
            ),
            (
                "rules",
                JSONTextField(help_text="As they are shown: values of an inline transformation's env are masked."),
            ),
            (
                "sealed",
                EncryptedJSONField(
                    help_text="The rules and the transformation as they run; null when over.", null=True
                ),
            ),
            ("range_from", models.DateTimeField()),
            ("range_to", models.DateTimeField()),
            ("position", RefField(default="", help_text="The last request that was judged.")),
            ("total_count", models.IntegerField()),
            ("done_count", models.IntegerField(default=0)),
            ("would_be", models.JSONField(default=dict)),
            ("was", models.JSONField(default=dict)),
            ("changes", models.JSONField(default=dict)),
            ("changed_count", models.IntegerField(default=0)),
            ("samples", models.JSONField(default=list)),
            ("failure_message", models.TextField(null=True)),
            ("requested_by", models.TextField()),
            ("created_at", models.DateTimeField()),
            ("started_at", models.DateTimeField(null=True)),
            ("finished_at", models.DateTimeField(null=True)),
            ("lease_until", models.DateTimeField(db_default=Now())),
            ("lease_token", models.UUIDField(null=True)),
            (
                "claim_count",
                models.SmallIntegerField(default=0, help_text="Claims since the last page that was saved."),
            ),
        ],
        options={
            "verbose_name": "rehearsal",
            "db_table": "backtest",
            "indexes": [
                models.Index(
                    condition=models.Q(("status__in", ["PLANNED", "RUNNING"])),
                    fields=["lease_until"],
                    name="backtest_unfinished",
                ),
                models.Index(fields=["connection_id", "id"], name="backtest_connection"),
            ],
        },
    ),
]
