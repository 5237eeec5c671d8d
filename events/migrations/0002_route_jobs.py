"""Routing jobs follow from stored requests by a trigger."""

from pathlib import Path

from django.db import migrations

TRIGGER = (Path(__file__).parent / "sql" / "0002_route_jobs.sql").read_text()
DROP = "DROP TRIGGER requests_make_route_jobs ON requests; DROP FUNCTION make_route_jobs();"


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [migrations.RunSQL(TRIGGER, DROP)]
