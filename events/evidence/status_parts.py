"""A list of events by status, split into lists that each have an index. Selectors read them.

What waits for a worker is looked up by its jobs: they are few, and an index over a status that every event passes
through would cost each delivery two writes.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from events.models import DeliveryJob, Event
from events.states import Status

# What each part may hold. Held events and what was not delivered have indexes of their own.
_WITH_JOB = (Status.QUEUED, Status.SCHEDULED)
_ALONE = (Status.HOLD, Status.FAILED, Status.CANCELLED)


def split_by_status(rows: QuerySet[Event], statuses: Collection[str], *, team_id: str) -> tuple[QuerySet[Event], ...]:
    """`rows` with one of the statuses. All of them when SUCCESSFUL is among them: then most rows match, and a scan of
    the newest finds a page at once."""
    if Status.SUCCESSFUL in statuses:
        return (rows.filter(status__in=statuses) if len(statuses) > 1 else rows.filter(status=Status.SUCCESSFUL),)
    parts = [rows.filter(status=status) for status in _ALONE if status in statuses]
    with_job = [status.value for status in _WITH_JOB if status in statuses]
    if with_job:
        waiting = rows.filter(id__in=DeliveryJob.objects.filter(team_id=team_id).values("event_id"))
        parts.append(waiting.filter(status__in=with_job))
    return tuple(parts)
