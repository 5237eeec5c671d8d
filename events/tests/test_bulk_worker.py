"""Operations and backtests share the bulk worker: while both have work, neither waits for more than a turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest

from events import tasks
from events.bulk import progress as operations
from events.bulk import runner as bulk_running
from events.bulk import selection
from events.models.backtests import BacktestStatus
from events.models.bulk import BulkStatus
from events.preview.backtest import history
from events.preview.backtest import progress as backtests
from events.preview.backtest import runner as backtest_running
from events.tests.backtesting import DEDUPLICATE, SECOND, plan
from events.tests.bulking import make_ended, start
from events.tests.seed import Project, make_request
from fasthook.lib.clock import utc_now

PAGES = 4


@pytest.fixture
def worker(team: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages of one, turns of a page, and no rest; what the process keeps is closed."""
    process = tasks._Process()
    monkeypatch.setattr(tasks, "_process", process)
    monkeypatch.setattr(selection, "EVENTS", 1)
    monkeypatch.setattr(history, "PAGE_REQUESTS", 1)
    monkeypatch.setattr(bulk_running, "TURN_S", 0.001)
    monkeypatch.setattr(backtest_running, "GIVE_WAY_S", 0.0)
    for module in (bulk_running, backtest_running):
        monkeypatch.setattr(module, "PAUSE_SHARE", 0.0)
    yield
    process.close()


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose pages were saved, in order."""
    order: list[str] = []
    for progress, name in ((operations, "operation"), (backtests, "rehearsal")):
        monkeypatch.setattr(progress, "save_page", _noting(progress.save_page, name, order))
    return order


def _noting(save: Any, name: str, order: list[str]) -> Any:
    def noted(*args: Any, **kwargs: Any) -> Any:
        order.append(name)
        return save(*args, **kwargs)

    return noted


@pytest.mark.parametrize("task", [tasks.bulk, tasks.backtest])
def test_pages_of_both_alternate_whichever_is_woken(team: Project, worker: None, saved: list[str], task: Any) -> None:
    now = utc_now()
    make_ended(team, PAGES, at=now - 30 * SECOND)
    began = (now - 2 * timedelta(hours=1)).replace(second=0, microsecond=0)
    for number in range(PAGES):
        make_request(team, began + number * SECOND)
    operation, backtest = start(team), plan(team, began, DEDUPLICATE)
    task()
    turns = [(name, len(list(pages))) for name, pages in groupby(saved)]
    assert max(length for _, length in turns[: 2 * PAGES - 1]) == 1, turns
    assert (saved.count("operation"), saved.count("rehearsal")) == (PAGES, PAGES)
    operation.refresh_from_db()
    backtest.refresh_from_db()
    assert (operation.status, backtest.status) == (BulkStatus.RUNNING, BacktestStatus.COMPLETED)
    assert operation.pages_done_at is not None


def test_a_rehearsal_that_was_cancelled_while_it_gave_way_writes_nothing_more(
    team: Project, worker: None, saved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    began = (utc_now() - 2 * timedelta(hours=1)).replace(second=0, microsecond=0)
    for number in range(PAGES):
        make_request(team, began + number * SECOND)
    backtest = plan(team, began, DEDUPLICATE)
    claim = operations.claim

    def cancel_once_begun(token: Any) -> Any:
        if saved:
            backtests.cancel(backtest.id)
        return claim(token)

    monkeypatch.setattr(operations, "claim", cancel_once_begun)
    tasks.backtest()
    backtest.refresh_from_db()
    assert (backtest.status, backtest.done_count, saved) == (BacktestStatus.CANCELLED, 1, ["rehearsal"])
