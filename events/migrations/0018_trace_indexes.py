"""Indexes for tracing a request: its replays, and the runs of its transformations. Safe on big tables while the product
runs. Only replays are in the first, only transformed branches have rows in the table of the second."""

from django.db import migrations

from events.storage.partition_indexes import create_index, drop_index

INDEXES = (
    # Readers: the trace, for the replays of a request.
    ("requests_parent", "requests", "(retry_parent_request_id, id) WHERE retry_parent_request_id IS NOT NULL"),
    # Readers: the trace, for the runs of a request's branches; the admin, by event and by request.
    ("transformation_executions_of_request", "transformation_executions", "(request_id, id)"),
)


def create(apps, schema_editor):
    for name, table, definition in INDEXES:
        create_index(name, table, definition)


def drop(apps, schema_editor):
    for name, _, _ in INDEXES:
        drop_index(name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0011_attempts_batch")]

    operations = [migrations.RunPython(create, drop)]
