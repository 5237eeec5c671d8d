"""The project as a Django app: what must be there in every process that Django runs in."""

from __future__ import annotations

from django.apps import AppConfig


class FastHookConfig(AppConfig):
    name = "fasthook"

    def ready(self) -> None:
        # Nudges go through the current Celery application; without this one they would go to Celery's default broker.
        import fasthook.celery  # noqa: F401
