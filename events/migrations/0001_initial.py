"""The tables of the data plane. The SQL is the schema; the operations below only tell Django what it made."""

from datetime import UTC, datetime
from pathlib import Path

from django.db import migrations, models

import fasthook.lib.model_fields
from events.storage.partitions import ensure_partitions

TABLES = (Path(__file__).parent / "sql" / "0001_tables.sql").read_text()
DROP = "".join(
    f"DROP TABLE {table};"
    for table in (
        "requests",
        "events",
        "attempts",
        "route_job",
        "delivery_job",
        "delivery_lane",
        "deduplication_key",
        "discarded_requests",
    )
)


def make_partitions(apps, schema_editor):
    ensure_partitions(now=datetime.now(UTC))


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLES, DROP),
                migrations.RunPython(make_partitions, migrations.RunPython.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Attempt",
                    fields=[
                        (
                            "id",
                            fasthook.lib.model_fields.IdField(
                                db_collation="C", editable=False, prefix="att", primary_key=True, serialize=False
                            ),
                        ),
                        ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("event_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("connection_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("destination_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("attempt_number", models.IntegerField()),
                        (
                            "trigger",
                            models.TextField(
                                choices=[
                                    ("INITIAL", "INITIAL"),
                                    ("AUTOMATIC", "AUTOMATIC"),
                                    ("MANUAL", "MANUAL"),
                                    ("BULK_RETRY", "BULK_RETRY"),
                                    ("UNPAUSE", "UNPAUSE"),
                                ]
                            ),
                        ),
                        ("status", models.TextField(choices=[("SUCCESSFUL", "Successful"), ("FAILED", "Failed")])),
                        ("response_status", models.IntegerField(null=True)),
                        ("error_code", models.TextField(null=True)),
                        ("error_message", models.TextField(null=True)),
                        ("requested_url", models.TextField()),
                        ("http_method", models.TextField()),
                        ("request_headers", models.JSONField()),
                        ("response_headers", models.JSONField(null=True)),
                        ("body", models.TextField(help_text="The response body, up to 16 KiB.", null=True)),
                        ("latency", models.IntegerField(help_text="Milliseconds.")),
                        ("created_at", models.DateTimeField()),
                        ("delivered_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "attempts",
                    },
                ),
                migrations.CreateModel(
                    name="DeliveryLane",
                    fields=[
                        (
                            "destination_id",
                            fasthook.lib.model_fields.RefField(db_collation="C", primary_key=True, serialize=False),
                        ),
                        ("owner", models.UUIDField(null=True)),
                        ("owned_until", models.DateTimeField()),
                        ("last_slot_at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "delivery_lane",
                        "indexes": [models.Index(fields=["owner"], name="delivery_lane_owner")],
                    },
                ),
                migrations.CreateModel(
                    name="DiscardedRequests",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "source_id",
                                "minute",
                                "rejection_cause",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("source_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("minute", models.DateTimeField()),
                        ("rejection_cause", models.TextField()),
                        ("count", models.BigIntegerField()),
                    ],
                    options={
                        "db_table": "discarded_requests",
                    },
                ),
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "id",
                            fasthook.lib.model_fields.IdField(
                                db_collation="C", editable=False, prefix="evt", primary_key=True, serialize=False
                            ),
                        ),
                        ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("request_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("source_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("connection_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("destination_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        (
                            "status",
                            models.TextField(
                                choices=[
                                    ("SCHEDULED", "SCHEDULED"),
                                    ("QUEUED", "QUEUED"),
                                    ("HOLD", "HOLD"),
                                    ("SUCCESSFUL", "SUCCESSFUL"),
                                    ("FAILED", "FAILED"),
                                    ("CANCELLED", "CANCELLED"),
                                ]
                            ),
                        ),
                        ("attempts", models.IntegerField(default=0)),
                        ("response_status", models.IntegerField(null=True)),
                        ("error_code", models.TextField(null=True)),
                        ("failure_message", models.TextField(null=True)),
                        ("ignored_cause", models.TextField(null=True)),
                        ("ignored_meta", models.JSONField(null=True)),
                        ("next_attempt_at", models.DateTimeField(null=True)),
                        ("last_attempt_at", models.DateTimeField(null=True)),
                        ("successful_at", models.DateTimeField(null=True)),
                        ("batch_operation_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)),
                        ("created_at", models.DateTimeField()),
                        ("updated_at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "events",
                    },
                ),
                migrations.CreateModel(
                    name="Request",
                    fields=[
                        (
                            "id",
                            fasthook.lib.model_fields.IdField(
                                db_collation="C", editable=False, prefix="req", primary_key=True, serialize=False
                            ),
                        ),
                        ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("source_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("status", models.TextField(choices=[("accepted", "Accepted"), ("rejected", "Rejected")])),
                        ("rejection_cause", models.TextField(null=True)),
                        ("verified", models.BooleanField()),
                        ("handshake", models.BooleanField(default=False)),
                        ("method", models.TextField()),
                        (
                            "path",
                            models.TextField(help_text="What follows the source URL, percent-encoded as it came."),
                        ),
                        ("query", models.TextField(help_text="As it came, without the question mark.")),
                        (
                            "headers",
                            models.JSONField(help_text="Pairs of lower-case name and value, in order, repeats kept."),
                        ),
                        ("body", models.BinaryField(help_text="Null when the body was too large to store.", null=True)),
                        ("client_ip", models.TextField()),
                        ("retry_parent_request_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)),
                        ("batch_operation_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)),
                        ("created_at", models.DateTimeField()),
                        ("ingested_at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "requests",
                    },
                ),
                migrations.CreateModel(
                    name="DeduplicationKey",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connection_id", "key", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("connection_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("key", models.BinaryField(max_length=32)),
                        ("request_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("expires_at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "deduplication_key",
                        "indexes": [models.Index(fields=["expires_at"], name="deduplication_key_expiry")],
                    },
                ),
                migrations.CreateModel(
                    name="DeliveryJob",
                    fields=[
                        (
                            "event_id",
                            fasthook.lib.model_fields.RefField(db_collation="C", primary_key=True, serialize=False),
                        ),
                        ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("request_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("source_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("connection_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("destination_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        (
                            "rank",
                            models.SmallIntegerField(choices=[(0, "LEASED"), (1, "FIRST"), (2, "RETRY"), (3, "BULK")]),
                        ),
                        ("due_at", models.DateTimeField()),
                        ("attempt_number", models.IntegerField()),
                        (
                            "retry_number",
                            models.IntegerField(default=0, help_text="Retries of the current schedule already used."),
                        ),
                        ("trigger", models.TextField()),
                        ("body_size", models.IntegerField()),
                        ("tries", models.SmallIntegerField(default=0)),
                        ("lease_token", models.UUIDField(null=True)),
                    ],
                    options={
                        "db_table": "delivery_job",
                        "indexes": [
                            models.Index(fields=["destination_id", "rank", "due_at"], name="delivery_job_lane")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RouteJob",
                    fields=[
                        (
                            "request_id",
                            fasthook.lib.model_fields.RefField(db_collation="C", primary_key=True, serialize=False),
                        ),
                        ("source_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("body_size", models.IntegerField()),
                        ("due_at", models.DateTimeField()),
                        ("tries", models.SmallIntegerField(default=0)),
                        ("lease_token", models.UUIDField(null=True)),
                    ],
                    options={
                        "db_table": "route_job",
                        "indexes": [models.Index(fields=["due_at"], name="route_job_due")],
                    },
                ),
            ],
        ),
    ]
