"""Celery's processes begin to measure when they are ready; the web process does so by itself (fasthook/asgi.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery.signals import beat_init, worker_ready
from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "metrics"

    def ready(self) -> None:
        from events.storage.replaced import history_replaced
        from metrics import checks  # noqa: F401 - registers them

        history_replaced.connect(_count_anew)
        worker_ready.connect(_begin_in_worker)
        beat_init.connect(_begin_in_beat)


def _begin_in_worker(sender: Any, **_: Any) -> None:
    from metrics.prometheus.start import begin_measuring

    begin_measuring("-".join(sorted(sender.app.amqp.queues.consume_from)))


def _begin_in_beat(**_: Any) -> None:
    from metrics.prometheus.start import begin_measuring

    begin_measuring("beat")


def _count_anew(since: datetime, **_: Any) -> None:
    from metrics.rollups.counting import count_anew

    count_anew(since)
