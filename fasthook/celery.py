"""The Celery application: queues by stage, and the schedule that beat keeps. Messages are wake-ups without payload."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fasthook.settings")

app = Celery("fasthook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["events"])
