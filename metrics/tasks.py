"""The metrics' part of the maintenance worker: rollups, samples of the queue, and what is over its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError

from fasthook.lib.clock import utc_now
from fasthook.lib.outage_log import Outage
from metrics.queue import sample_queue
from metrics.rollups.counting import forget, roll_up

ROLL_UP_S = 12.0

_outage = Outage(restored="metrics.database_back")


@contextmanager
def _unless_postgres_is_away() -> Iterator[None]:
    """The next run does what this one could not."""
    try:
        yield
    except (psycopg.OperationalError, OperationalError, InterfaceError) as error:
        _outage.failed("metrics.database_away", error)
    else:
        _outage.over()


@shared_task(name="metrics.tasks.count", ignore_result=True)
def count() -> None:
    with _unless_postgres_is_away():
        roll_up(now=utc_now(), seconds=ROLL_UP_S)


@shared_task(name="metrics.tasks.sample", ignore_result=True)
def sample() -> None:
    with _unless_postgres_is_away():
        sample_queue(now=utc_now())


@shared_task(name="metrics.tasks.tidy", ignore_result=True)
def tidy() -> None:
    with _unless_postgres_is_away():
        forget(before=utc_now() - timedelta(days=settings.RETENTION_DAYS_METRICS))
