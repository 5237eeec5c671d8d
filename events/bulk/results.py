"""Results of an operation: rows added where its deliveries end, folded into its own row later.

A delivery counts once, when the attempt that the operation queued has its result, delivered or failed, whether or not a
retry is planned; when it is held; or when it was cancelled: by hand, by its rules, with its connection, destination or
day, or withdrawn. Whose delivery it is says its job alone (`delivery_job.batch_operation_id`), which what counts leaves
empty; the event's own `batch_operation_id` is evidence, and stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.db import connection
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from events.models import DeliveryJob, RouteJob
from events.models.bulk import BulkOperation, BulkOutcome
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "results.sql")
PAGE: Final = 5000


def with_outcomes(rows: QuerySet[BulkOperation]) -> QuerySet[BulkOperation]:
    """Each with `late_done`, `late_failed`, `late_cancelled`, `late_held`: what is not folded yet; and `waiting`: its
    deliveries that wait or are in flight, and its requests that wait for routing. One statement, so nothing counts
    twice."""
    late = {f"late_{column}": _late(column) for column in ("done", "failed", "cancelled", "held")}
    return rows.annotate(
        **late, waiting=_count(DeliveryJob.objects.filter(cancelled=False)) + _count(RouteJob.objects.all())
    )


def has_waiting(operation_id: str, *, at_least: int) -> bool:
    """Whether so many of its events wait for their first try or their rules, or any of its requests for routing."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["count_waiting"], {"id": operation_id, "up_to": at_least})
        deliveries, is_routing = cursor.fetchone()
    return bool(deliveries >= at_least or is_routing)


def fold_outcomes() -> int:
    """A page of them; how many."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["fold_outcomes"], {"limit": PAGE})
        return int(cursor.fetchone()[0])


def _late(column: str) -> Any:
    rows = BulkOutcome.objects.filter(operation_id=OuterRef("id")).order_by().values("operation_id")
    total = Subquery(rows.annotate(total=Sum(column)).values("total"), output_field=IntegerField())
    return Coalesce(total, 0)


def _count(jobs: QuerySet[Any]) -> Any:
    of_operation = jobs.filter(batch_operation_id=OuterRef("id")).order_by().values("batch_operation_id")
    total = Subquery(of_operation.annotate(total=Count("*")).values("total"), output_field=IntegerField())
    return Coalesce(total, 0)
