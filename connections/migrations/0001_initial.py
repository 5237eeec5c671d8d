"""Connections, and the transformations that their rules name."""

import django.db.models.deletion
import fasthook.lib.model_fields
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("destinations", "0001_initial"),
        ("sources", "0001_initial"),
        ("teams", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="conn", primary_key=True, serialize=False
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="%(class)ss", to="teams.team"
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="connections", to="sources.source"
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="connections",
                        to="destinations.destination",
                    ),
                ),
                ("name", models.CharField(max_length=155)),
                ("description", models.TextField(blank=True, default="")),
                (
                    "rules",
                    fasthook.lib.model_fields.JSONTextField(
                        default=list, help_text="Normalised: deduplicate, transform, filter, delay, retry."
                    ),
                ),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
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
                        name="connection_by_created",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "updated_at", "id"],
                        name="connection_by_updated",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "name", "id"],
                        name="connection_by_name",
                    ),
                    models.Index(
                        condition=models.Q(("reconcile_requested_at__isnull", False)),
                        fields=["id"],
                        name="connection_to_settle",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("source", "name"),
                        name="connection_name_once_per_source",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Transformation",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="trs", primary_key=True, serialize=False
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
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("version", models.BigIntegerField(db_index=True, default=0)),
                ("code", models.TextField()),
                (
                    "env",
                    fasthook.lib.model_fields.EncryptedJSONField(
                        default=dict, help_text="Names and text values, as process.env has them."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "created_at", "id"],
                        name="transformation_by_created",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "updated_at", "id"],
                        name="transformation_by_updated",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("team", "name"),
                        name="transformation_name_once_per_team",
                    )
                ],
            },
        ),
    ]
