"""Evidence of transformations' runs. The SQL is the schema; the operation below only tells Django what it made."""

from datetime import UTC, datetime
from pathlib import Path

from django.db import migrations, models

import fasthook.lib.model_fields
from events.storage.partitions import ensure_partitions

TABLE = (Path(__file__).parent / "sql" / "0004_transformation_executions.sql").read_text()
DROP = "DROP TABLE transformation_executions;"


def make_partitions(apps, schema_editor):
    ensure_partitions(now=datetime.now(UTC))


class Migration(migrations.Migration):
    dependencies = [("events", "0003_list_indexes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLE, DROP),
                migrations.RunPython(make_partitions, migrations.RunPython.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="TransformationExecution",
                    fields=[
                        (
                            "id",
                            fasthook.lib.model_fields.IdField(
                                db_collation="C", editable=False, prefix="txe", primary_key=True, serialize=False
                            ),
                        ),
                        ("team_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("transformation_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("connection_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        (
                            "request_id",
                            fasthook.lib.model_fields.RefField(
                                db_collation="C", help_text="What went in is this request as it is stored."
                            ),
                        ),
                        ("event_id", fasthook.lib.model_fields.RefField(db_collation="C")),
                        ("status", models.TextField(choices=[("SUCCESSFUL", "Successful"), ("FAILED", "Failed")])),
                        ("error", models.TextField(null=True)),
                        ("error_kind", models.TextField(null=True)),
                        ("line", models.IntegerField(null=True)),
                        ("column_number", models.IntegerField(null=True)),
                        ("logs", models.TextField(help_text="JSON: a list of {level, message}.", null=True)),
                        ("duration_us", models.IntegerField()),
                        ("cpu_us", models.IntegerField()),
                        (
                            "after",
                            models.TextField(
                                help_text="JSON, as data of requests; null when nothing changed.", null=True
                            ),
                        ),
                        ("created_at", models.DateTimeField()),
                    ],
                    options={"db_table": "transformation_executions"},
                ),
            ],
        ),
    ]
