"""The progress of a backtest in its row: claimed under a lease, saved page by page, ended once.

Every write is guarded by the lease's token: a worker that was cancelled, or taken over because it was too long away,
changes nothing. Times are the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce, Now

from events.models.backtests import UNFINISHED, Backtest, BacktestStatus
from events.preview.backtest.tally import Tally

# A page takes about four seconds at most, when transformations use up their budget and the last one its limit.
LEASE: Final = timedelta(seconds=30)
# Claims without a page saved in between: then it is what ends its workers.
MAX_CLAIMS: Final = 3


@dataclass(frozen=True, slots=True)
class Lease:
    backtest_id: str
    token: UUID


def is_any_due() -> bool:
    return _due().exists()


def claim(token: UUID) -> tuple[Backtest, Lease] | None:
    """Takes on the backtest that has waited longest; its row has the column `sealed` as text, `sealed_text`."""
    with transaction.atomic():
        rows = _due().order_by("lease_until", "id").select_for_update(skip_locked=True)
        row = rows.defer("sealed").annotate(sealed_text=Cast("sealed", TextField())).first()
        if row is None:
            return None
        Backtest.objects.filter(pk=row.pk).update(
            status=BacktestStatus.RUNNING,
            started_at=Coalesce(F("started_at"), Now()),
            lease_until=Now() + LEASE,
            lease_token=token,
            claim_count=F("claim_count") + 1,
        )
    return row, Lease(row.id, token)


def save_page(lease: Lease, tally: Tally, *, position: str, done_count: int) -> bool:
    """False when the backtest is no longer this worker's; nothing has been written then."""
    return _write(
        lease,
        position=position,
        done_count=done_count,
        would_be=dict(tally.would_be),
        was=dict(tally.was),
        changes=dict(tally.changes),
        changed_count=tally.changed_count,
        samples=tally.samples,
        lease_until=Now() + LEASE,
        claim_count=0,
    )


def renew(lease: Lease) -> bool:
    """False when the backtest is no longer this worker's."""
    return _write(lease, lease_until=Now() + LEASE)


def release(lease: Lease) -> None:
    """Lets another worker go on from the last page at once; other backtests that wait come first."""
    _write(lease, lease_until=Now(), lease_token=None, claim_count=0)


def complete(lease: Lease) -> bool:
    """`total_count` becomes what was there to be judged: evidence may have been dropped since it was counted."""
    return _write(lease, total_count=F("done_count"), **_ended(BacktestStatus.COMPLETED))


def fail(lease: Lease, message: str) -> bool:
    return _write(lease, failure_message=message, **_ended(BacktestStatus.FAILED))


def cancel(backtest_id: str) -> bool:
    """False when it was over."""
    rows = Backtest.objects.filter(pk=backtest_id, status__in=UNFINISHED)
    return rows.update(**_ended(BacktestStatus.CANCELLED)) == 1


def _due() -> QuerySet[Any]:
    return Backtest.objects.filter(status__in=UNFINISHED, lease_until__lte=Now())


def _ended(status: BacktestStatus) -> dict[str, Any]:
    return {"status": status, "finished_at": Now(), "lease_token": None, "sealed": None}


def _write(lease: Lease, **values: Any) -> bool:
    rows = Backtest.objects.filter(pk=lease.backtest_id, lease_token=lease.token, status=BacktestStatus.RUNNING)
    return rows.update(**values) == 1
