"""Histograms in the form in which they are added up. Rewrites the rollups of attempts; only readers and the counter of
rollups wait for it, live traffic does not touch these tables."""

from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent / "sql"


def _column(table):
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD COLUMN histogram bytea GENERATED ALWAYS AS (metrics_packed(bins, counts)) STORED",
        f"ALTER TABLE {table} DROP COLUMN histogram",
    )


class Migration(migrations.Migration):
    dependencies = [("metrics", "0002_triggers")]

    operations = [
        migrations.RunSQL((_SQL / "0003_histograms.sql").read_text(), "DROP FUNCTION metrics_packed"),
        _column("metrics_attempts_minute"),
        _column("metrics_attempts_hour"),
    ]
