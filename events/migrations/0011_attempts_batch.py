"""An index for the attempts of a bulk operation; few attempts have one. Safe on a big table while the product runs."""

from django.db import migrations

from events.storage.partition_indexes import create_index, drop_index


def create(apps, schema_editor):
    # Readers: lists of one bulk operation's attempts, and what came of it.
    create_index("attempts_batch", "attempts", "(batch_operation_id, id, status) WHERE batch_operation_id IS NOT NULL")


def drop(apps, schema_editor):
    drop_index("attempts_batch")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0010_replay")]

    operations = [migrations.RunPython(create, drop)]
