"""Sources."""

import django.contrib.postgres.fields
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
            name="Source",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="src", primary_key=True, serialize=False
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
                ("type", models.CharField(default="WEBHOOK", max_length=40)),
                ("slug", models.CharField(max_length=40, unique=True)),
                ("auth_type", models.CharField(blank=True, max_length=40, null=True)),
                ("auth", fasthook.lib.model_fields.EncryptedJSONField(blank=True, null=True)),
                (
                    "allowed_http_methods",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=7), default=list, size=None
                    ),
                ),
                ("custom_response", models.JSONField(blank=True, null=True)),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("version", models.BigIntegerField(db_index=True, default=0)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "created_at", "id"],
                        name="source_by_created",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["team", "updated_at", "id"],
                        name="source_by_updated",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("team", "name"),
                        name="source_name_once_per_team",
                    )
                ],
            },
        ),
    ]
