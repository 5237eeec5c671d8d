"""The Celery application: queues by stage, and the schedule that beat keeps. Messages are wake-ups without payload."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, task_prerun, worker_ready
from django.conf import settings

from fasthook.telemetry import say_at_once

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fasthook.settings")

# Celery warns of root because messages could be pickles; ours are JSON, without content.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("fasthook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["events", "metrics", "alerts"])

# Without this, Celery closes the connection to Postgres after each task: every tick would open and warm one.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000
app.conf.beat_scheduler = "fasthook.beat:Scheduler"
app.conf.beat_schedule = {
    "tick": {
        "task": "events.tasks.tick",
        "schedule": 1.0,
        "options": {"queue": "maintenance", "expires": 5.0},
    },
    "maintain": {
        "task": "events.tasks.maintain",
        "schedule": 600.0,
        "options": {"queue": "maintenance", "expires": 600.0},
    },
    "count for metrics": {
        "task": "metrics.tasks.count",
        "schedule": 15.0,
        "options": {"queue": "maintenance", "expires": 15.0},
    },
    "sample the queue": {
        "task": "metrics.tasks.sample",
        "schedule": 60.0,
        "options": {"queue": "maintenance", "expires": 30.0},
    },
    "tidy metrics": {
        "task": "metrics.tasks.tidy",
        "schedule": 600.0,
        "options": {"queue": "maintenance", "expires": 600.0},
    },
    # ---- Alerts
    "alerts": {
        "task": "alerts.tasks.evaluate",
        "schedule": settings.ALERTS_EVERY_S,
        "options": {"queue": "maintenance", "expires": settings.ALERTS_EVERY_S},
    },
    "forget-alerts": {
        "task": "alerts.tasks.forget",
        "schedule": 3600.0,
        "options": {"queue": "maintenance", "expires": 3600.0},
    },
}


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Connected so that Celery leaves logging as settings set it up. What it prints takes the same shape here."""
    from celery.apps import worker

    worker.safe_say = lambda text, *_: say_at_once(str(text))


@task_prerun.connect
def _look_at_the_connection(**_: Any) -> None:
    # As Django does before a request: what Postgres has closed meanwhile is opened anew.
    from django.db import close_old_connections

    close_old_connections()


@worker_ready.connect
def _tell_readiness(sender: Any, **_: Any) -> None:
    # Imported here: Celery loads this module before Django is set up.
    from fasthook.health import announce_worker
    from fasthook.lib.gc_tuning import tune_gc

    tune_gc()
    announce_worker(str(sender.hostname), sorted(sender.app.amqp.queues.consume_from))
