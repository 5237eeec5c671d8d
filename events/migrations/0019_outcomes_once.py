"""Whose delivery a held event is, and how many deliveries of a bulk operation were cancelled: each counts once."""

from django.db import migrations, models

import fasthook.lib.model_fields

# A column without a default: no table is rewritten. What is on hold when this runs was named by its event alone.
CHANGES = """
ALTER TABLE events ADD COLUMN held_operation_id text COLLATE "C";
UPDATE events SET held_operation_id = batch_operation_id WHERE status = 'HOLD' AND batch_operation_id IS NOT NULL;
"""
UNDO = "ALTER TABLE events DROP COLUMN held_operation_id"


class Migration(migrations.Migration):
    dependencies = [("events", "0015_bulk_operations")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CHANGES, UNDO)],
            state_operations=[
                migrations.AddField(
                    "event",
                    "held_operation_id",
                    fasthook.lib.model_fields.RefField(
                        db_collation="C",
                        help_text="On HOLD: the bulk operation whose delivery is held, as its job would say.",
                        null=True,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            "bulkoperation",
            "cancelled_count",
            models.IntegerField(db_default=0, default=0, help_text="Without what bulk_outcome still holds."),
        ),
        migrations.AddField("bulkoutcome", "cancelled", models.IntegerField(db_default=0, default=0)),
    ]
