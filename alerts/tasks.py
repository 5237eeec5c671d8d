"""Alerts as Celery tasks, all on the maintenance queue: looking at the rules, sending what came of it, forgetting."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
from celery import shared_task
from celery.signals import worker_process_shutdown
from django.db import InterfaceError, OperationalError

from alerts.evaluation.evaluate import evaluate_all
from alerts.outbox.rows import is_due
from alerts.outbox.sending import Sender
from alerts.retention import forget_old
from events.tasks import stopping
from fasthook.lib.clock import utc_now
from fasthook.lib.nudge import begin, insist
from fasthook.lib.outage_log import Outage

SEND_S = 20.0

_sender = Sender()
_outage = Outage(restored="alerts.database_back")


@contextlib.contextmanager
def _unless_postgres_is_away() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, OperationalError, InterfaceError) as error:
        _outage.failed("alerts.database_away", error)
    else:
        _outage.over()


@shared_task(name="alerts.tasks.evaluate", ignore_result=True)
def evaluate() -> None:
    """Beat's look. Notifications that are to be tried again, or whose nudge was lost, are found here as well."""
    with _unless_postgres_is_away():
        now = utc_now()
        evaluate_all(now=now)
        if is_due(now=now):
            insist("notify")


@shared_task(name="alerts.tasks.notify", ignore_result=True)
def notify() -> None:
    begin("notify")
    with _unless_postgres_is_away():
        _sender.drain(seconds=SEND_S, stopping=stopping)


@shared_task(name="alerts.tasks.forget", ignore_result=True)
def forget() -> None:
    with _unless_postgres_is_away():
        forget_old(now=utc_now())


@worker_process_shutdown.connect
def _close(**_: object) -> None:
    _sender.close()
