"""Rollups of evidence by minute and hour, what changed late, and samples of the queue."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"
FILES = ("functions", "rollups", "late", "queue")


class Migration(migrations.Migration):
    initial = True

    # Its triggers are on the tables of evidence.
    dependencies = [("events", "0001_initial")]

    operations = [migrations.RunSQL((SQL / f"{name}.sql").read_text()) for name in FILES]
