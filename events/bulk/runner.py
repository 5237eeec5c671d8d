"""The runner of bulk operations: in turns, page by page, no faster than their deliveries leave.

An operation never has more than MAX_WAITING deliveries waiting for their first try: the queue stays small, and a cancel
still has something to stop. After each page the worker rests for a while, for the sake of live traffic.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db import connection as database

from events.bulk import progress
from events.bulk.ending import find_withdrawable, finish_done, withdraw_page
from events.bulk.pages import Lost, run_page
from events.bulk.progress import MAX_CLAIMS, Lease
from events.bulk.results import fold_outcomes, has_waiting
from events.bulk.selection import Selection, freeze
from events.models.bulk import BulkKind, BulkOperation
from fasthook.api.timerange import TimeRange
from fasthook.lib.errors import FastHookError
from fasthook.lib.nudge import begin, nudge

log = structlog.get_logger(__name__)

# One operation's turn; then another's.
TURN_S: Final = 2.0
MAX_WAITING: Final = 10_000
# How long an operation with enough waiting leaves its worker to others, and how often it looks when there are none.
THROTTLED: Final = timedelta(milliseconds=200)
LOOK_AGAIN_S: Final = 0.05
# After each page the worker rests for this share of the time that the page took.
PAUSE_SHARE: Final = 0.5
MAX_PAUSE_S: Final = 1.0


def take_turn(stopping: threading.Event) -> bool:
    """Ends what is over, and lets the operation that has waited longest have a turn; False when nothing was to be done.

    What merely waits for its deliveries has no turn: it costs a few statements here, however many they are.
    """
    begin("bulk")
    fold_outcomes()
    withdrawn = _withdraw(stopping, until=time.monotonic() + TURN_S)
    finish_done()
    claimed = progress.claim(uuid4())
    if claimed is None:
        return withdrawn
    _work_on(*claimed, stopping)
    return True


def _withdraw(stopping: threading.Event, *, until: float) -> bool:
    """What cancelled operations have waiting, a page of each in turn; False when there was nothing to take."""
    operations = deque(find_withdrawable())
    is_any = False
    while operations and not stopping.is_set() and time.monotonic() < until:
        began = time.monotonic()
        operation_id = operations.popleft()
        if withdraw_page(operation_id):
            is_any = True
            operations.append(operation_id)
            _rest(stopping, began)
    return is_any


def _work_on(operation: BulkOperation, lease: Lease, stopping: threading.Event) -> None:
    try:
        if operation.claim_count >= MAX_CLAIMS:
            _fail(lease, f"INTERNAL_ERROR: this operation ended its worker {MAX_CLAIMS} times")
            return
        _run_pages(operation, lease, _selection_of(operation), stopping)
    except Lost:
        log.info("bulk_operation.lease_lost", operation_id=operation.id)
    except (OperationalError, InterfaceError):
        _give_back(lease)
        raise
    except FastHookError as error:
        _fail(lease, f"{error.code}: {error.message}")
    except Exception as error:
        log.exception("bulk_operation.page_failed", operation_id=operation.id)
        _fail(lease, f"INTERNAL_ERROR: the operation could not go on ({type(error).__name__})")


def _run_pages(operation: BulkOperation, lease: Lease, selection: Selection, stopping: threading.Event) -> None:
    until = time.monotonic() + TURN_S
    while not stopping.is_set() and time.monotonic() < until:
        # Deliveries go on meanwhile: what was cancelled does not wait for the end of the turn.
        _withdraw(stopping, until=until)
        began = time.monotonic()
        if _has_enough_waiting(operation):
            if progress.is_any_due():
                break
            stopping.wait(LOOK_AGAIN_S)
            continue
        page = run_page(operation, lease, selection)
        if page is None:
            if progress.end_pages(lease):
                log.info("bulk_operation.pages_done", operation_id=operation.id, queued=operation.queued_count)
            finish_done()
            return
        for stage in page.stages:
            nudge(stage)
        _rest(stopping, began)
    progress.release(lease, after=THROTTLED if _has_enough_waiting(operation) else timedelta())


def _rest(stopping: threading.Event, began: float) -> None:
    stopping.wait(min(MAX_PAUSE_S, PAUSE_SHARE * (time.monotonic() - began)))


def _has_enough_waiting(operation: BulkOperation) -> bool:
    return operation.type != BulkKind.EVENT_CANCEL and has_waiting(operation.id, at_least=MAX_WAITING)


def _selection_of(operation: BulkOperation) -> Selection:
    time_range = TimeRange(first=operation.range_from, last=operation.range_to, bounded=True)
    return freeze(BulkKind(operation.type), operation.team_id, operation.filter, time_range=time_range)


def _give_back(lease: Lease) -> None:
    """What Postgres cannot take is no fault of the operation's: the turn counts for nothing, if that can be said."""
    database.close()
    with contextlib.suppress(DatabaseError, InterfaceError):
        progress.release(lease)


def _fail(lease: Lease, message: str) -> None:
    if progress.fail(lease, message):
        log.error("bulk_operation.failed", operation_id=lease.operation_id, error=message)
