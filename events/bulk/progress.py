"""The progress of an operation in its row: claimed under a lease, saved with each page's effects.

Every write is guarded by the lease's token: a worker that was cancelled, or taken over because it was too long away,
changes nothing, and its page is rolled back. Times are the database's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Case, DateTimeField, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Now

from events.models.bulk import ONGOING, BulkOperation, BulkStatus

# A page takes a second; one that had to look for long may be taken over, and is rolled back then.
LEASE: Final = timedelta(seconds=15)
# Claims without a page saved in between: then it is what ends its workers.
MAX_CLAIMS: Final = 3


@dataclass(frozen=True, slots=True)
class Lease:
    operation_id: str
    token: UUID


@dataclass(frozen=True, slots=True)
class PageCounts:
    """Of one page. `done`: what is over at once, since it was cancelled and not sent anywhere."""

    queued: int
    skipped: Mapping[str, int]
    done: int = 0


def is_any_due() -> bool:
    return _due().exists()


def claim(token: UUID) -> tuple[BulkOperation, Lease] | None:
    """Takes on an operation of the team whose last turn is the longest ago, and of its operations the one likewise."""
    ongoing = BulkOperation.objects.filter(
        finished_at__isnull=True, status__in=ONGOING, team_id=OuterRef("team_id"), turn_at__isnull=False
    )
    team_turn = Subquery(ongoing.order_by("-turn_at").values("turn_at")[:1])
    with transaction.atomic():
        rows = (
            _due()
            .annotate(team_turn=team_turn)
            .order_by(F("team_turn").asc(nulls_first=True), F("turn_at").asc(nulls_first=True), "id")
        )
        row = rows.select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return None
        BulkOperation.objects.filter(pk=row.pk).update(
            status=BulkStatus.RUNNING,
            started_at=Coalesce(F("started_at"), Now()),
            turn_at=Now(),
            lease_until=Now() + LEASE,
            lease_token=token,
            claim_count=F("claim_count") + 1,
        )
    return row, Lease(row.id, token)


def save_page(lease: Lease, operation: BulkOperation, counts: PageCounts, *, position: str) -> bool:
    """In the transaction of the page's effects, last. Brings `operation` up to date; False when it is no longer this
    worker's."""
    skipped = dict(operation.skipped)
    for code, count in counts.skipped.items():
        skipped[code] = skipped.get(code, 0) + count
    passed_over = sum(counts.skipped.values())
    saved = _write(
        lease,
        position=position,
        queued_count=F("queued_count") + counts.queued,
        skipped_count=F("skipped_count") + passed_over,
        skipped=skipped,
        done_count=F("done_count") + counts.done,
        lease_until=Now() + LEASE,
        claim_count=0,
    )
    if saved:
        operation.position, operation.skipped = position, skipped
        operation.queued_count += counts.queued
        operation.skipped_count += passed_over
    return saved


def release(lease: Lease, *, after: timedelta = timedelta()) -> None:
    """Lets another worker go on from the last page; other operations that wait come first."""
    _write(lease, lease_until=Now() + after, lease_token=None, claim_count=0)


def end_pages(lease: Lease) -> bool:
    """No worker need take it on any more: it waits for its deliveries (`ending.py`). `total_count` becomes what was
    there in the end: rows may have changed since they were counted."""
    total = F("queued_count") + F("skipped_count")
    return _write(
        lease,
        total_count=total,
        total_exact=True,
        pages_done_at=Now(),
        lease_until=Now(),
        lease_token=None,
        claim_count=0,
    )


def fail(lease: Lease, message: str) -> bool:
    return _write(lease, failure_message=message, **_ended(BulkStatus.FAILED))


def cancel(operation_id: str) -> bool:
    """False when it was over. A page that is under way either was saved before, or is rolled back. What had been queued
    is yet to be withdrawn (`ending.py`)."""
    rows = BulkOperation.objects.filter(pk=operation_id, status__in=ONGOING)
    nothing_queued = Case(When(queued_count=0, then=Now()), output_field=DateTimeField())
    ended = {**_ended(BulkStatus.CANCELLED), "finished_at": nothing_queued, "lease_until": Now()}
    return rows.update(**ended) == 1


def _due() -> QuerySet[BulkOperation]:
    rows = BulkOperation.objects.filter(finished_at__isnull=True, status__in=ONGOING, pages_done_at__isnull=True)
    return rows.filter(lease_until__lte=Now())


def _ended(status: BulkStatus) -> dict[str, Any]:
    return {"status": status, "finished_at": Now(), "lease_token": None}


def _write(lease: Lease, **values: Any) -> bool:
    rows = BulkOperation.objects.filter(pk=lease.operation_id, lease_token=lease.token, status=BulkStatus.RUNNING)
    return rows.update(**values) == 1
