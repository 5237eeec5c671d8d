"""Indexes for what lists of evidence ask for and few rows have. Safe on a big table while the product runs.

What most rows have needs none: a scan of the team's rows, newest first, fills its page at once. So these hold the rare
rows only (but for requests_verified), and an event that is simply delivered is in none of them. The columns behind the
id let a second filter be judged inside the index. docs/decisions/0018 has the measurements.
"""

from django.db import migrations

from events.storage.partition_indexes import create_index, drop_index

INDEXES = (
    # Readers: lists of requests turned away, all or by cause, of a team or one of its sources.
    ("requests_rejection", "requests", "(team_id, rejection_cause, id, source_id) WHERE status = 'rejected'"),
    # Readers: lists by verified, either of which may be rare in a team.
    ("requests_verified", "requests", "(team_id, verified, id)"),
    # Readers: the list of one source, by verified too; latest input; the last request of a deduplication window.
    ("requests_of_source", "requests", "(source_id, id, verified)"),
    # Readers: lists of replayed requests (is_retry).
    ("requests_replayed", "requests", "(team_id, id, source_id) WHERE retry_parent_request_id IS NOT NULL"),
    # Readers: lists of one bulk operation's requests.
    ("requests_batch", "requests", "(batch_operation_id, id) WHERE batch_operation_id IS NOT NULL"),
    # Readers: lists of what failed or was cancelled as a delivery; ignored branches have a meta and are not in it.
    (
        "events_undelivered",
        "events",
        "(team_id, status, id, connection_id, destination_id)"
        " WHERE status IN ('FAILED', 'CANCELLED') AND ignored_meta IS NULL",
    ),
    # Readers: lists by error_code. The meta is in the predicate so that counts need not look at the rows.
    (
        "events_error",
        "events",
        "(team_id, error_code, id, connection_id, destination_id)"
        " WHERE error_code IS NOT NULL AND ignored_meta IS NULL",
    ),
    # Readers: lists by a response_status other than the usual one.
    (
        "events_response",
        "events",
        "(team_id, response_status, id, connection_id, destination_id)"
        " WHERE response_status <> 200 AND ignored_meta IS NULL",
    ),
    # Readers: lists by ignored_cause.
    (
        "events_ignored",
        "events",
        "(team_id, ignored_cause, id, connection_id, destination_id) WHERE ignored_cause IS NOT NULL",
    ),
    # Readers: lists of one bulk operation's events.
    ("events_batch", "events", "(batch_operation_id, id) WHERE batch_operation_id IS NOT NULL"),
    # Readers: lists of failed attempts, of a team, a connection or a destination.
    ("attempts_failed", "attempts", "(team_id, id, connection_id, destination_id) WHERE status = 'FAILED'"),
    # Readers: lists by error_code.
    ("attempts_error", "attempts", "(team_id, error_code, id, connection_id, destination_id) WHERE status = 'FAILED'"),
    # Readers: lists by a response_status other than the usual one.
    (
        "attempts_response",
        "attempts",
        "(team_id, response_status, id, connection_id, destination_id) WHERE response_status <> 200",
    ),
    # Readers: lists by a trigger other than the usual one.
    (
        "attempts_trigger",
        "attempts",
        "(team_id, trigger, id, connection_id, destination_id) WHERE trigger <> 'INITIAL'",
    ),
)
# Replaced by requests_rejection, requests_of_source and events_undelivered.
REPLACED = ("requests_rejected", "requests_source", "events_failed")


def create(apps, schema_editor):
    for name, table, definition in INDEXES:
        create_index(name, table, definition)


def drop(apps, schema_editor):
    for name, _, _ in INDEXES:
        drop_index(name)


def create_replaced(apps, schema_editor):
    create_index("requests_source", "requests", "(source_id, id)")
    create_index("requests_rejected", "requests", "(team_id, id) WHERE status = 'rejected'")
    create_index("events_failed", "events", "(team_id, id) WHERE status = 'FAILED'")


def drop_replaced(apps, schema_editor):
    for name in REPLACED:
        drop_index(name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0002_route_jobs")]

    operations = [
        migrations.RunPython(create, drop),
        migrations.RunPython(drop_replaced, create_replaced),
    ]
