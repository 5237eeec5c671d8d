"""Destinations."""

import django.db.models.deletion
import fasthook.lib.model_fields
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("teams", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Destination",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="des", primary_key=True, serialize=False
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
                (
                    "type",
                    models.CharField(
                        choices=[("HTTP", "Http"), ("MOCK_API", "Mock Api")], default="HTTP", max_length=10
                    ),
                ),
                (
                    "url",
                    models.TextField(
                        help_text="Where deliveries go; for MOCK_API the path and query on the built-in receiver."
                    ),
                ),
                (
                    "http_method",
                    models.CharField(blank=True, help_text="Empty: the request's own method.", max_length=7, null=True),
                ),
                ("path_forwarding_disabled", models.BooleanField(default=False)),
                ("rate_limit", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "rate_limit_period",
                    models.CharField(
                        choices=[("second", "Second"), ("minute", "Minute"), ("hour", "Hour")],
                        default="second",
                        max_length=6,
                    ),
                ),
                ("max_concurrency", models.PositiveIntegerField(default=50)),
                ("timeout_s", models.FloatField(default=30.0)),
                ("auth_type", models.CharField(blank=True, max_length=40, null=True)),
                ("auth", fasthook.lib.model_fields.EncryptedJSONField(blank=True, null=True)),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("reconcile_requested_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("version", models.BigIntegerField(db_index=True, default=0)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "created_at", "id"],
                        name="destination_by_created",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "updated_at", "id"],
                        name="destination_by_updated",
                    ),
                    models.Index(
                        condition=models.Q(("reconcile_requested_at__isnull", False)),
                        fields=["id"],
                        name="destination_to_settle",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("team", "name"),
                        name="destination_name_once_per_team",
                    )
                ],
            },
        ),
    ]
