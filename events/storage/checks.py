"""System checks of retention: evidence must not outlive what it refers to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

# What a table's rows cannot do without: an event's payload is its request's, an attempt only names its event.
_NEEDS = {"events": "requests", "attempts": "events"}


@register
def check_retention(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    days = settings.RETENTION_DAYS_BY_TABLE
    too_short = [
        Error(
            f"{_variable(table)} is {kept}, but evidence is kept for whole days.",
            hint="Give at least 1.",
            id="fasthook.E001",
        )
        for table, kept in days.items()
        if kept < 1
    ]
    orphaned = [
        Error(
            f"{table} would be kept for {days[table]} days, but the {needed} they need for only {days[needed]}.",
            hint=f"Raise {_variable(needed)} to {days[table]}, or lower {_variable(table)} to {days[needed]}. "
            "The order is: requests at least as long as events, events at least as long as attempts.",
            id="fasthook.E002",
        )
        for table, needed in _NEEDS.items()
        if days[table] > days[needed]
    ]
    return [*too_short, *orphaned]


def _variable(table: str) -> str:
    return f"RETENTION_DAYS_{table.upper()}"
