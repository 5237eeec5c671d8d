"""The project as a Django app: what must be there in every process that Django runs in."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from fasthook.telemetry import start_reporting


class FastHookConfig(AppConfig):
    name = "fasthook"

    def ready(self) -> None:
        # Nudges go through the current Celery application; without this one they would go to Celery's default broker.
        import fasthook.celery  # noqa: F401
        from fasthook.upgrade import earlier_build  # noqa: F401 - registers them

        start_reporting(settings.SENTRY_DSN)
