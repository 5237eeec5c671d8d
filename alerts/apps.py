"""Alerts as a Django app: a new team begins with the default rules."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from teams.models import Team

        post_save.connect(_give_default_rules, sender=Team, dispatch_uid="alerts.default_rules")


def _give_default_rules(instance: Any, created: bool, raw: bool, **_: Any) -> None:
    from alerts.rules.defaults import create_default_rules

    if created and not raw:
        create_default_rules(instance)
