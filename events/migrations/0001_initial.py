"""The tables of the data plane. The SQL is the schema; `state/` only tells Django what it made."""

from datetime import UTC, datetime
from pathlib import Path

from django.db import migrations

from events.migrations.state.evidence import EVIDENCE
from events.migrations.state.jobs import JOBS
from events.migrations.state.operations import OPERATIONS
from events.storage.partitions import ensure_partitions

SQL = Path(__file__).parent / "sql"
FILES = ("requests", "events", "attempts", "executions", "jobs", "bulk", "backtests")


def make_partitions(apps, schema_editor):
    ensure_partitions(now=datetime.now(UTC))


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL((SQL / f"{name}.sql").read_text()) for name in FILES],
            state_operations=[*EVIDENCE, *JOBS, *OPERATIONS],
        ),
        migrations.RunPython(make_partitions),
    ]
