"""The runner of backtests: in turns, page by page, with pauses that leave the machine to live traffic.

A page is judged in memory and its progress saved at once. So the worker that takes a backtest on, after a stop or a
crash, goes on behind the last saved page; deduplication windows are opened anew by the requests before it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db import connection as database

from connections.models import Connection
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.sandbox import Sandbox
from connections.transformations.code_run import sandbox_limits
from events.models.backtests import Backtest
from events.preview.backtest import progress
from events.preview.backtest.evaluate import BacktestRules
from events.preview.backtest.history import Past, read_page, read_past_branches
from events.preview.backtest.plan import unsealed
from events.preview.backtest.progress import MAX_CLAIMS, Lease
from events.preview.backtest.tally import Tally
from events.preview.backtest.verdicts import compare
from events.preview.backtest.windows import BacktestWindows
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.model_fields import unseal
from fasthook.lib.nudge import begin

log = structlog.get_logger(__name__)

# One backtest's turn; then the one that has waited longest has its own.
TURN_S: Final = 10.0
# So long operations, which share the worker, wait for a page and then have a turn.
GIVE_WAY_S: Final = 2.0
# After each page the worker rests for this share of the time that the page took.
PAUSE_SHARE: Final = 0.5
MAX_PAUSE_S: Final = 1.0
AGAIN_S: Final = 1.0
# Backtests whose windows are kept between their turns; a hundred thousand windows are some 40 MB.
KEPT_WINDOWS: Final = 2


class _Lost(Exception):
    """The backtest was cancelled or given back, or another worker has it."""


@dataclass(slots=True)
class _Run:
    lease: Lease
    connection_id: str
    past: Past
    rules: BacktestRules
    tally: Tally
    position: str
    done_count: int


class Backtester:
    """One per bulk process."""

    def __init__(self, *, give_way: Callable[[threading.Event], object] | None = None) -> None:
        """`give_way` lets others have a turn; asked between pages, after GIVE_WAY_S of work."""
        self._give_way = give_way
        self._sandbox = Sandbox(sandbox_limits())
        self._windows: OrderedDict[str, tuple[str, BacktestWindows]] = OrderedDict()
        self._worked_since = 0.0

    def take_turn(self, stopping: threading.Event) -> bool:
        """Lets the backtest that has waited longest have a turn; False when none is due."""
        begin("backtest")
        claimed = progress.claim(uuid4())
        if claimed is None:
            return False
        self._worked_since = time.monotonic()
        self._work_on(*claimed, stopping)
        return True

    def close(self) -> None:
        self._sandbox.close()

    def _work_on(self, row: Backtest, lease: Lease, stopping: threading.Event) -> None:
        """One page at least, and longer than it took to prepare."""
        taken_at = time.monotonic()
        try:
            run = self._prepare(row, lease)
            if run.rules.keeps_windows and run.position:
                self._restore_windows(run, stopping)
            prepared_at = time.monotonic()
            until = prepared_at + max(TURN_S, prepared_at - taken_at)
            is_over = False
            while not is_over:
                began = time.monotonic()
                if not self._judge_page(run):
                    return
                is_over = self._rest(run.lease, stopping, since=began) or time.monotonic() >= until
            self._keep_windows(run)
            progress.release(lease)
        except _Lost:
            log.info("backtest.lease_lost", backtest_id=row.id)
        except (OperationalError, InterfaceError):
            _give_back(lease)
            raise
        except SandboxUnavailable as error:
            # The machine's fault, not the backtest's.
            log.error("sandbox.unavailable", error=str(error), backtest_id=row.id)
            progress.release(lease)
            stopping.wait(AGAIN_S)
        except UndecryptableSecret as error:
            _fail(lease, str(error))
        except Exception as error:
            log.exception("backtest.page_failed", backtest_id=row.id)
            _fail(lease, f"the rehearsal could not go on ({type(error).__name__})")

    def _prepare(self, row: Backtest, lease: Lease) -> _Run:
        if row.claim_count >= MAX_CLAIMS:
            _fail(lease, f"this rehearsal ended its worker {MAX_CLAIMS} times")
            raise _Lost
        connection = Connection.objects.select_related("source", "destination").get(pk=row.connection_id)
        plan = unsealed(unseal(row.sealed_text))  # type: ignore[attr-defined]
        return _Run(
            lease=lease,
            connection_id=row.connection_id,
            past=Past(row.source_id, row.range_from, row.range_to),
            rules=BacktestRules(connection, plan, self._sandbox),
            tally=Tally(Counter(row.would_be), Counter(row.was), Counter(row.changes), row.samples),
            position=row.position,
            done_count=row.done_count,
        )

    def _judge_page(self, run: _Run) -> bool:
        """Judges and saves one page; False when that was all."""
        requests = read_page(run.past, after=run.position, with_payload=run.rules.looks_at_payload)
        if not requests:
            if progress.complete(run.lease):
                log.info("backtest.completed", backtest_id=run.lease.backtest_id, requests=run.done_count)
            return False
        branches = run.rules.judge(requests)
        past = read_past_branches(run.connection_id, [branch.request.id for branch in branches])
        run.tally.add(compare(branch, past.get(branch.request.id)) for branch in branches)
        run.position = branches[-1].request.id
        run.done_count += len(branches)
        if not progress.save_page(run.lease, run.tally, position=run.position, done_count=run.done_count):
            raise _Lost
        return True

    def _restore_windows(self, run: _Run, stopping: threading.Event) -> None:
        """Those of the last saved page. Opened anew from the first request on, since a window begins where the one
        before it had ended."""
        position, kept = self._windows.pop(run.lease.backtest_id, ("", BacktestWindows()))
        if position == run.position:
            run.rules.windows = kept
            return
        after, began = "", time.monotonic()
        while requests := read_page(run.past, after=after, until=run.position, with_payload=True):
            run.rules.pass_over(requests)
            after = requests[-1].id
            if not progress.renew(run.lease):
                raise _Lost
            if self._rest(run.lease, stopping, since=began):
                progress.release(run.lease)
                raise _Lost
            began = time.monotonic()

    def _rest(self, lease: Lease, stopping: threading.Event, *, since: float) -> bool:
        """Leaves the machine to live traffic for a share of the time since `since`, and the worker to what shares it;
        whether the worker is to stop. _Lost when the backtest is no longer this worker's."""
        now = time.monotonic()
        if stopping.wait(min(MAX_PAUSE_S, PAUSE_SHARE * (now - since))):
            return True
        if self._give_way is not None and now - self._worked_since >= GIVE_WAY_S:
            self._give_way(stopping)
            if not progress.renew(lease):
                raise _Lost
            self._worked_since = time.monotonic()
        return stopping.is_set()

    def _keep_windows(self, run: _Run) -> None:
        if run.rules.keeps_windows:
            self._windows[run.lease.backtest_id] = (run.position, run.rules.windows)
            while len(self._windows) > KEPT_WINDOWS:
                self._windows.popitem(last=False)


def _give_back(lease: Lease) -> None:
    """What Postgres cannot take is no fault of the backtest's: the turn counts for nothing, if that can be said."""
    database.close()
    with contextlib.suppress(DatabaseError, InterfaceError):
        progress.release(lease)


def _fail(lease: Lease, message: str) -> None:
    if progress.fail(lease, f"INTERNAL_ERROR: {message}"):
        log.error("backtest.failed", backtest_id=lease.backtest_id, error=message)
