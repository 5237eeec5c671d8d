"""Bulk operations, what came of their deliveries, and indexes over what they have waiting (small tables)."""

import django.db.models.functions.datetime
import fasthook.lib.model_fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0018_trace_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkOperation",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="bch", primary_key=True, serialize=False
                    ),
                ),
                ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                (
                    "type",
                    models.TextField(
                        choices=[
                            ("event_bulk_retry", "event_bulk_retry"),
                            ("event_bulk_cancel", "event_bulk_cancel"),
                            ("request_bulk_retry", "request_bulk_retry"),
                        ]
                    ),
                ),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("PLANNED", "Planned"),
                            ("RUNNING", "Running"),
                            ("COMPLETED", "Completed"),
                            ("FAILED", "Failed"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="PLANNED",
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
                (
                    "position",
                    fasthook.lib.model_fields.RefField(
                        db_collation="C", default="", help_text="The last event or request that a page looked at."
                    ),
                ),
                ("total_count", models.IntegerField()),
                ("total_exact", models.BooleanField()),
                ("queued_count", models.IntegerField(default=0)),
                ("skipped_count", models.IntegerField(default=0)),
                ("skipped", models.JSONField(default=dict, help_text="How many were passed over, by code.")),
                ("done_count", models.IntegerField(default=0, help_text="Without what bulk_outcome still holds.")),
                ("failed_count", models.IntegerField(default=0, help_text="Without what bulk_outcome still holds.")),
                ("failure_message", models.TextField(null=True)),
                ("requested_by", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("turn_at", models.DateTimeField(help_text="When a worker last took it on.", null=True)),
                ("lease_until", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("lease_token", models.UUIDField(null=True)),
                ("tries", models.SmallIntegerField(default=0, help_text="Claims since the last page that was saved.")),
            ],
            options={
                "verbose_name": "bulk operation",
                "db_table": "bulk_operation",
            },
        ),
        migrations.CreateModel(
            name="BulkOutcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operation_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                ("done", models.IntegerField()),
                ("failed", models.IntegerField()),
            ],
            options={
                "db_table": "bulk_outcome",
            },
        ),
        migrations.AddIndex(
            model_name="deliveryjob",
            index=models.Index(
                condition=models.Q(("batch_operation_id__isnull", False), ("rank__gte", 3)),
                fields=["batch_operation_id"],
                name="delivery_job_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="routejob",
            index=models.Index(
                condition=models.Q(("batch_operation_id__isnull", False)),
                fields=["batch_operation_id"],
                name="route_job_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkoperation",
            index=models.Index(
                condition=models.Q(("status__in", ["PLANNED", "RUNNING"])),
                fields=["lease_until"],
                name="bulk_operation_ongoing",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkoperation",
            index=models.Index(fields=["team_id", "id"], name="bulk_operation_team"),
        ),
        migrations.AddConstraint(
            model_name="bulkoperation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["PLANNED", "RUNNING"])),
                fields=("digest",),
                name="bulk_operation_once_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkoutcome",
            index=models.Index(fields=["operation_id"], name="bulk_outcome_operation"),
        ),
    ]
