"""The stages as Celery tasks: thin, one per stage. A message carries nothing; the rows are the work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import uvloop
from celery import shared_task
from celery.signals import worker_process_shutdown, worker_shutting_down
from django.db import InterfaceError, OperationalError

from events.bulk_worker import BulkWork
from events.delivery.worker import Deliverer
from events.housekeeping import keep_house, nudge_due_stages
from events.lifecycle.reconcile import reconcile_all
from events.routing.worker import Router
from fasthook.lib.clock import utc_now
from fasthook.lib.heartbeat import note_tick
from fasthook.lib.nudge import begin
from fasthook.lib.outage_log import Outage

ROUTE_S = 60.0
AGAIN_S = 0.5
RECONCILE_S = 20.0
BULK_S = 10.0

# Set when the worker is asked to stop: drains end after the batch they are at.
stopping = threading.Event()


@worker_shutting_down.connect
def _stop_drains(**_: Any) -> None:
    stopping.set()


_outage = Outage(restored="worker.database_back")


@contextlib.contextmanager
def _unless_postgres_is_away() -> Iterator[None]:
    """Whoever nudges next, or beat, tries again: a short pause keeps a burst of nudges from trying all the time."""
    try:
        yield
    except (psycopg.OperationalError, OperationalError, InterfaceError) as error:
        _outage.failed("worker.database_away", error)
        stopping.wait(AGAIN_S)
    else:
        _outage.over()


@shared_task(name="events.tasks.route", ignore_result=True)
def route() -> None:
    with _unless_postgres_is_away():
        _process.router.drain(seconds=ROUTE_S, stopping=stopping)


@shared_task(name="events.tasks.deliver", ignore_result=True)
def deliver() -> None:
    _process.run(_process.deliverer.drain(stopping))


@shared_task(name="events.tasks.reconcile", ignore_result=True)
def reconcile() -> None:
    begin("reconcile")
    with _unless_postgres_is_away():
        reconcile_all(seconds=RECONCILE_S)


@shared_task(name="events.tasks.backtest", ignore_result=True)
def backtest() -> None:
    _work_in_bulk()


@shared_task(name="events.tasks.bulk", ignore_result=True)
def bulk() -> None:
    _work_in_bulk()


def _work_in_bulk() -> None:
    """Whichever woke it: both share the worker in turns."""
    with _unless_postgres_is_away():
        _process.bulk_work.drain(seconds=BULK_S, stopping=stopping)


@shared_task(name="events.tasks.tick", ignore_result=True)
def tick() -> None:
    note_tick()
    with _unless_postgres_is_away():
        nudge_due_stages()


@shared_task(name="events.tasks.maintain", ignore_result=True)
def maintain() -> None:
    keep_house(now=utc_now())


class _Process:
    """What a worker process keeps between tasks: its connections, and for delivery the event loop they live on."""

    def __init__(self) -> None:
        self._router: Router | None = None
        self._deliverer: Deliverer | None = None
        self._bulk_work: BulkWork | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def router(self) -> Router:
        if self._router is None:
            self._router = Router()
        return self._router

    @property
    def deliverer(self) -> Deliverer:
        if self._deliverer is None:
            self._deliverer = self.run(_make_deliverer())
        return self._deliverer

    @property
    def bulk_work(self) -> BulkWork:
        if self._bulk_work is None:
            self._bulk_work = BulkWork()
        return self._bulk_work

    def run(self, work: Any) -> Any:
        if self._loop is None:
            self._loop = uvloop.new_event_loop()
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        if self._deliverer is not None:
            self.run(self._deliverer.close())
        if self._router is not None:
            self._router.close()
        if self._bulk_work is not None:
            self._bulk_work.close()


async def _make_deliverer() -> Deliverer:
    return Deliverer()


_process = _Process()


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    _process.close()
