"""Backtests planned, run and read in one process."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

from events.models.backtests import Backtest
from events.preview.backtest.runner import Backtester
from events.preview.backtest.serializers import backtest_answer
from events.preview.backtest.services import start_backtest
from events.tests.seed import Project
from fasthook.api.timerange import TimeRange
from fasthook.lib.clock import utc_now

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DEDUPLICATE = {"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}


def plan(project: Project, start: datetime, *rules: Any, saved: bool = False) -> Backtest:
    return start_backtest(
        project.connection,
        None if saved else list(rules),
        time_range=TimeRange(first=start, last=start + HOUR, bounded=True),
        requested_by="somebody@example.com",
        now=utc_now(),
    )


def drain(backtester: Backtester) -> None:
    while backtester.take_turn(threading.Event()):
        pass


def answer(row: Backtest) -> dict[str, Any]:
    row.refresh_from_db()
    return backtest_answer(row)


def let_lease_lapse(row: Backtest) -> None:
    Backtest.objects.filter(pk=row.pk).update(lease_until=utc_now() - SECOND)


def found(row: Backtest) -> dict[str, Any]:
    names = ("status", "total_count", "done_count", "would_be", "was", "changes", "changed_count", "samples")
    return {name: value for name, value in answer(row).items() if name in names}
