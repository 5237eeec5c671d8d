"""The app's start: signs-in on Django's own forms are told to the audit log."""

from __future__ import annotations

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "teams"

    def ready(self) -> None:
        from teams.auth import sign_in_log  # noqa: F401 - connects its receivers
