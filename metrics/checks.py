"""System checks of metrics retention: counts must not be forgotten before the evidence that they count."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from fasthook.lib.plural import for_count


@register
def check_metrics_retention(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    needed = max(settings.RETENTION_DAYS_BY_TABLE.values())
    if needed <= settings.RETENTION_DAYS_METRICS:
        return []
    return [
        Error(
            f"RETENTION_DAYS_METRICS is {settings.RETENTION_DAYS_METRICS}, but evidence is kept for {needed}"
            f" {for_count(needed, 'day', 'days')}.",
            hint=f"Raise it to {needed} or more, or leave it out.",
            id="fasthook.E003",
        )
    ]
