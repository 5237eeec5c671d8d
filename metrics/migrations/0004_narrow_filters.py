"""One destination or source is read by an index of its own: with the team's other owners beside it, its minutes of a week
are a hundredth of what would be looked at."""

from django.db import migrations

_READ_BY = (("events", "destination_id"), ("events", "source_id"), ("attempts", "destination_id"))


def _index(table, column):
    name = f"metrics_{table}_{column.removesuffix('_id')}"
    return migrations.RunSQL(
        f"CREATE INDEX {name} ON metrics_{table} (team_id, {column}, at) WHERE connection_id > '*'",
        f"DROP INDEX {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("metrics", "0003_histograms")]

    operations = [_index(f"{table}_{step}", column) for table, column in _READ_BY for step in ("minute", "hour")]
