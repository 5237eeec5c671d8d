"""The triggers that note changes of rows which rollups have counted. Each in a transaction of its own: a lock on one table
that waits for the next would meet statements that write both.
"""

from django.db import migrations

_TABLES = ("requests", "events", "attempts")
_OPERATIONS = {
    "insert": "NEW TABLE AS new_rows",
    "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "OLD TABLE AS old_rows",
}


def _trigger(table, operation):
    name = f"{table}_note_{operation}"
    return migrations.RunSQL(
        f"CREATE OR REPLACE TRIGGER {name} AFTER {operation.upper()} ON {table} REFERENCING {_OPERATIONS[operation]}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION metrics_note_{table}()",
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("metrics", "0001_rollups")]

    operations = [_trigger(table, operation) for table in _TABLES for operation in _OPERATIONS]
