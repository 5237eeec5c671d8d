"""An event's own payload, where a transformation changed it, and a lane of routing for slow transformations."""

from datetime import UTC, datetime
from pathlib import Path

from django.db import migrations, models

import fasthook.lib.model_fields
from events.storage.partitions import ensure_partitions

TABLES = (Path(__file__).parent / "sql" / "0005_event_payloads.sql").read_text()
DROP = (
    "DROP TABLE event_payloads;"
    "ALTER TABLE events DROP COLUMN has_payload;"
    "ALTER TABLE delivery_job DROP COLUMN has_payload;"
    "CREATE INDEX route_job_due ON route_job (due_at);"
    "ALTER TABLE route_job DROP COLUMN slow;"
)


def make_partitions(apps, schema_editor):
    ensure_partitions(now=datetime.now(UTC))


class Migration(migrations.Migration):
    dependencies = [("events", "0004_transformation_executions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLES, DROP),
                migrations.RunPython(make_partitions, migrations.RunPython.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="EventPayload",
                    fields=[
                        (
                            "id",
                            fasthook.lib.model_fields.IdField(
                                db_collation="C", editable=False, prefix="evt", primary_key=True, serialize=False
                            ),
                        ),
                        ("method", models.TextField()),
                        ("path", models.TextField()),
                        ("query", models.TextField()),
                        ("headers", models.JSONField(help_text="Pairs of lower-case name and value, in order.")),
                        ("body", models.BinaryField()),
                    ],
                    options={"db_table": "event_payloads"},
                ),
                migrations.AddField("event", "has_payload", models.BooleanField(default=False)),
                migrations.AddField(
                    "routejob",
                    "slow",
                    models.BooleanField(
                        default=False, help_text="Its source's transformations take long: a lane of its own."
                    ),
                ),
                migrations.RemoveIndex("routejob", "route_job_due"),
                migrations.AddIndex("routejob", models.Index(fields=["slow", "due_at"], name="route_job_lane")),
                migrations.AddField("deliveryjob", "has_payload", models.BooleanField(default=False)),
            ],
        )
    ]
