"""Rollups of evidence by minute and hour, what changed late, and samples of the queue. Quick whatever there is: history
is counted afterwards, by the maintenance worker."""

from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    initial = True

    dependencies = [("events", "0006_rule_rehearsals")]

    operations = [
        migrations.RunSQL((_SQL / "0001_tables.sql").read_text(), (_SQL / "0001_drop.sql").read_text()),
        migrations.RunSQL((_SQL / "0001_functions.sql").read_text(), migrations.RunSQL.noop),
    ]
