"""Retention: drops the evidence of days that are over their time, table by table, and the work that waited there.

One day of a table a run, the oldest first: a number lowered by mistake costs a day before somebody reads the log, and
not the history. What the numbers may be is checked at start (events/storage/checks.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import connection

from events.storage.partitions import PREFIXES, drop_partition, end_of, expired_partitions
from fasthook.lib.ids import first_id_at

log = structlog.get_logger(__name__)

# Tables without a number of their own: what they hold belongs to the events.
KEPT_WITH = {"event_payloads": "events"}
_PAGE = 5000


def drop_expired(*, now: datetime, retention_days: Mapping[str, int]) -> list[str]:
    """Drops the oldest expired day of each table; returns the partitions dropped."""
    dropped = []
    for table in PREFIXES:
        kept_days = retention_days[KEPT_WITH.get(table, table)]
        expired = expired_partitions(table, now=now, retention_days=kept_days)
        if not expired:
            continue
        oldest, *left = expired
        if table == "events":
            _end_waiting(before=first_id_at("evt", end_of(oldest)))
        rows, size = _measure(oldest.name)
        if not drop_partition(table, oldest):
            log.warning("partition.drop_postponed", partition=oldest.name)
            continue
        log.info("partition.dropped", partition=oldest.name, rows=rows, bytes=size, days_left_to_drop=len(left))
        dropped.append(oldest.name)
    return dropped


# In the order in which everybody waits for them. They end for the bulk operations that had queued them.
_END_JOBS = """
WITH ended AS (
    DELETE FROM delivery_job WHERE event_id = ANY(ARRAY(
        SELECT event_id FROM delivery_job WHERE event_id < %(before)s AND rank > 0
        ORDER BY event_id LIMIT %(page)s FOR UPDATE
    ))
    RETURNING batch_operation_id
), outcome AS (
    INSERT INTO bulk_outcome (operation_id, done, failed, cancelled)
    SELECT batch_operation_id, 0, 0, count(*) FROM ended WHERE batch_operation_id IS NOT NULL
    GROUP BY batch_operation_id
)
SELECT count(*) FROM ended
"""


def _end_waiting(*, before: str) -> None:
    """Jobs of events that are about to go. Held events have no job and go with their partition; both are logged."""
    jobs = _in_pages(_END_JOBS, before=before)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events WHERE status = 'HOLD' AND id < %s", [before])
        held = cursor.fetchone()[0]
    if jobs or held:
        log.warning("events.expired_waiting", jobs=jobs, held=held)


def _in_pages(statement: str, *, before: str) -> int:
    """How many rows it was about, over all pages."""
    count = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"before": before, "page": _PAGE})
            page: int = cursor.fetchone()[0]
        if not page:
            return count
        count += page


def _measure(name: str) -> tuple[int, int]:
    """About how many rows, and bytes with indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) FROM pg_class WHERE oid = %s::regclass",
            [name],
        )
        rows, size = cursor.fetchone()
    return rows, size
