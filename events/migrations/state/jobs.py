"""State of the tables of waiting work: jobs, destination leases, windows, discarded requests."""

from django.db import migrations, models

from fasthook.lib.model_fields import RefField

JOBS = [
    migrations.CreateModel(
        name="RouteJob",
        fields=[
            ("request_id", RefField(primary_key=True, serialize=False)),
            ("source_id", RefField()),
            ("body_size", models.IntegerField()),
            ("due_at", models.DateTimeField()),
            ("claim_count", models.SmallIntegerField(default=0)),
            ("lease_token", models.UUIDField(null=True)),
            (
                "slow",
                models.BooleanField(
                    default=False, help_text="Its source's transformations take long: a queue of its own."
                ),
            ),
            ("batch_operation_id", RefField(null=True)),
        ],
        options={
            "db_table": "route_job",
            "indexes": [
                models.Index(fields=["slow", "due_at"], name="route_job_due"),
                models.Index(
                    condition=models.Q(("batch_operation_id__isnull", False)),
                    fields=["batch_operation_id"],
                    name="route_job_batch",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="DeliveryJob",
        fields=[
            ("event_id", RefField(primary_key=True, serialize=False)),
            ("team_id", RefField()),
            ("request_id", RefField()),
            ("source_id", RefField()),
            ("connection_id", RefField()),
            ("destination_id", RefField()),
            (
                "rank",
                models.SmallIntegerField(
                    choices=[(0, "LEASED"), (1, "FIRST"), (2, "RETRY"), (3, "BULK"), (4, "RULES")]
                ),
            ),
            ("due_at", models.DateTimeField()),
            ("attempt_number", models.IntegerField()),
            (
                "retry_number",
                models.IntegerField(default=0, help_text="Retries of the current schedule already used."),
            ),
            ("trigger", models.TextField()),
            ("body_size", models.IntegerField()),
            ("has_payload", models.BooleanField(default=False)),
            ("claim_count", models.SmallIntegerField(default=0)),
            ("lease_token", models.UUIDField(null=True)),
            ("batch_operation_id", RefField(null=True)),
            (
                "cancelled",
                models.BooleanField(
                    default=False,
                    help_text="Its event was cancelled while it was leased: what comes of it is evidence only.",
                ),
            ),
        ],
        options={
            "db_table": "delivery_job",
            "indexes": [
                models.Index(fields=["destination_id", "rank", "due_at"], name="delivery_job_queue"),
                models.Index(condition=models.Q(("rank", 4)), fields=["due_at"], name="delivery_job_rules"),
                models.Index(
                    condition=models.Q(("batch_operation_id__isnull", False)),
                    fields=["batch_operation_id", "rank"],
                    name="delivery_job_batch",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="DestinationLease",
        fields=[
            ("destination_id", RefField(primary_key=True, serialize=False)),
            ("owner", models.UUIDField(null=True)),
            ("owned_until", models.DateTimeField()),
            ("last_slot_at", models.DateTimeField()),
        ],
        options={
            "db_table": "destination_lease",
            "indexes": [models.Index(fields=["owner"], name="destination_lease_owner")],
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
            ("connection_id", RefField()),
            ("key", models.BinaryField(max_length=32)),
            ("request_id", RefField()),
            ("expires_at", models.DateTimeField()),
        ],
        options={
            "db_table": "deduplication_key",
            "indexes": [models.Index(fields=["expires_at"], name="deduplication_key_expiry")],
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
            ("team_id", RefField()),
            ("source_id", RefField()),
            ("minute", models.DateTimeField()),
            ("rejection_cause", models.TextField()),
            ("count", models.BigIntegerField()),
        ],
        options={"db_table": "discarded_requests"},
    ),
]
