"""The backlog of a connection: how many of its events are on hold or wait for delivery."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection as database

from connections.models import Connection
from events.evidence.bounded_reads import bounded_read
from events.models import Event
from events.states import Status

COUNT_UP_TO: Final = 10_000

# Of its destination's jobs, which the queue index holds together; those of one connection have no index of their own.
_QUEUED = """
SELECT count(*) FILTER (WHERE connection_id = %s), count(*)
FROM (SELECT connection_id FROM delivery_job WHERE destination_id = %s LIMIT %s) AS job
"""


def count_backlog(row: Connection) -> dict[str, Any] | None:
    """None when nothing does. `held` are on HOLD, `queued` wait for an attempt, or are in flight, at its destination.

    `settling` while these are being brought in line with a change of the connection. Not `exact` beyond COUNT_UP_TO
    of the connection's held events, or of its destination's queue.
    """
    held_events = Event.objects.filter(connection_id=row.id, status=Status.HOLD)
    with bounded_read(), database.cursor() as cursor:
        held = held_events.values("id")[: COUNT_UP_TO + 1].count()
        cursor.execute(_QUEUED, [row.id, row.destination_id, COUNT_UP_TO + 1])
        queued, of_destination = cursor.fetchone()
    if not (held or queued):
        return None
    return {
        "settling": row.reconcile_requested_at is not None,
        "held": min(held, COUNT_UP_TO),
        "queued": min(queued, COUNT_UP_TO),
        "exact": held <= COUNT_UP_TO and of_destination <= COUNT_UP_TO,
    }
