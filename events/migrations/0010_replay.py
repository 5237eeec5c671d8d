"""What retries and cancels leave: the bulk operation on attempts and jobs, cancelled leases, rules to be run again."""

from pathlib import Path

from django.db import migrations, models

import fasthook.lib.model_fields

FOLDER = Path(__file__).parent / "sql"
CHANGES = (FOLDER / "0010_replay.sql").read_text()
# What no earlier release can work with goes: events whose rules were to run again have failed as before.
UNDO = (
    (FOLDER / "0002_route_jobs.sql")
    .read_text()
    .replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    .split("CREATE TRIGGER")[0]
    + "ALTER TABLE route_job DROP COLUMN batch_operation_id;"
    "DROP INDEX delivery_job_rules;"
    "UPDATE events SET status = 'FAILED' WHERE id IN (SELECT event_id FROM delivery_job WHERE rank = 4);"
    "DELETE FROM delivery_job WHERE rank = 4 OR cancelled;"
    "ALTER TABLE delivery_job DROP CONSTRAINT delivery_job_rank_check, DROP CONSTRAINT delivery_job_check,"
    " DROP COLUMN cancelled, DROP COLUMN batch_operation_id;"
    "ALTER TABLE delivery_job ADD CONSTRAINT delivery_job_rank_check CHECK (rank BETWEEN 0 AND 3),"
    " ADD CONSTRAINT delivery_job_check CHECK ((rank = 0) = (lease_token IS NOT NULL));"
    "ALTER TABLE attempts DROP COLUMN batch_operation_id;"
)


class Migration(migrations.Migration):
    dependencies = [("events", "0006_rule_rehearsals")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CHANGES, UNDO)],
            state_operations=[
                migrations.AddField(
                    "attempt", "batch_operation_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)
                ),
                migrations.AddField(
                    "routejob", "batch_operation_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)
                ),
                migrations.AddField(
                    "deliveryjob", "batch_operation_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)
                ),
                migrations.AddField(
                    "deliveryjob",
                    "cancelled",
                    models.BooleanField(
                        default=False,
                        help_text="Its event was cancelled while it was leased: what comes of it is evidence only.",
                    ),
                ),
                migrations.AlterField(
                    "deliveryjob",
                    "rank",
                    models.SmallIntegerField(
                        choices=[(0, "LEASED"), (1, "FIRST"), (2, "RETRY"), (3, "BULK"), (4, "RULES")]
                    ),
                ),
                migrations.AddIndex(
                    "deliveryjob",
                    models.Index(fields=["due_at"], condition=models.Q(rank=4), name="delivery_job_rules"),
                ),
            ],
        )
    ]
