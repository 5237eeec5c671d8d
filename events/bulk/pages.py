"""A page of an operation: its effects and its position in one transaction, so it happens once or not at all.

What matches is read before the configuration lock is held, and matched again under the locks: an event that was
delivered in between is not sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from django.db import IntegrityError, connection, transaction

from events.bulk import progress
from events.bulk.progress import Lease, PageCounts
from events.bulk.selection import Selection, about_text, read_candidates, still_matching
from events.evidence.bounded_reads import bounded_read
from events.lifecycle import moves
from events.lifecycle.refusals import Refusal
from events.models.bulk import BulkKind, BulkOperation
from events.states import IgnoredCause, Trigger
from events.storage.config_lock import lock_configuration_for_page
from events.storage.partitions import ensure_partitions


class Lost(Exception):
    """The operation was cancelled, or another worker has it; nothing has been written."""


@dataclass(frozen=True, slots=True)
class Page:
    """`stages` are to be nudged now that it is committed."""

    counts: PageCounts
    stages: frozenset[str]


def run_page(operation: BulkOperation, lease: Lease, selection: Selection) -> Page | None:
    """None when there was none left. Lost; InvalidInput RANGE_TOO_WIDE when its rows cannot be found in time."""
    with bounded_read():
        _read_by_index()
        ids = read_candidates(selection, after=operation.position)
        wanted = about_text(selection, ids)
    if not ids:
        return None
    try:
        return _write(operation, lease, selection, wanted, position=ids[-1])
    except IntegrityError as error:
        if not isinstance(error.__cause__, psycopg.errors.CheckViolation):
            raise
        # New requests have no partition: beat was away for a week.
        ensure_partitions(now=datetime.now(UTC))
        return _write(operation, lease, selection, wanted, position=ids[-1])


def _write(
    operation: BulkOperation, lease: Lease, selection: Selection, wanted: Sequence[str], *, position: str
) -> Page:
    with transaction.atomic():
        _read_by_index()
        lock_configuration_for_page(connection)
        page = _act(selection, wanted, batch_operation_id=operation.id)
        if not progress.save_page(lease, operation, page.counts, position=position):
            raise Lost
    return page


def _act(selection: Selection, wanted: Sequence[str], *, batch_operation_id: str) -> Page:
    if selection.kind is BulkKind.REQUEST_RETRY:
        replayed = moves.replay_requests(connection, wanted, batch_operation_id=batch_operation_id)
        return Page(PageCounts(len(replayed.created), _by_code(replayed.skipped)), replayed.stages)
    # A delivery that ends just now has been recorded after this, or will find its job taken.
    jobs = moves.lock_jobs(connection, wanted) if wanted else {}
    ids = still_matching(selection, wanted)
    if selection.kind is BulkKind.EVENT_CANCEL:
        cause = IgnoredCause.CANCELLED_IN_BULK
        cancelled = moves.cancel_events(connection, ids, cause=cause, batch_operation_id=batch_operation_id, jobs=jobs)
        number = len(cancelled.cancelled)
        return Page(PageCounts(number, _by_code(cancelled.skipped), done=number), frozenset())
    trigger = Trigger.BULK_RETRY
    requeued = moves.requeue_events(connection, ids, trigger=trigger, batch_operation_id=batch_operation_id, jobs=jobs)
    return Page(PageCounts(len(requeued.queued), _by_code(requeued.skipped)), requeued.stages)


def _by_code(skipped: Mapping[str, Refusal]) -> Mapping[str, int]:
    return Counter(refusal.value for refusal in skipped.values())


def _read_by_index() -> None:
    with connection.cursor() as cursor:
        # Also in a day's fresh partition, which has no statistics yet.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
