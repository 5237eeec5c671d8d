"""The audit log hears of what the admin's own forms change: teams, memberships, people, groups.

Django says which fields were changed; values are left out, since a password may be among them.
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from teams.audit.log import Subject, record
from teams.audit.request_context import current_who
from teams.models import Membership, Team


class AuditedForms:
    """Before a ModelAdmin: what Django notes in its own log is told to the audit log too, in the same transaction."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _tell("created", obj, message)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        # A form that was sent as it came changes nothing.
        if message:
            _tell("updated", obj, message)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for row in queryset:
            _tell("deleted", row, None)
        return super().log_deletions(request, queryset)  # type: ignore[misc]


def _tell(verb: str, row: Model, message: Any) -> None:
    kind = str(row._meta.verbose_name).replace(" ", "_")
    subject = Subject(_team_id(row), kind, str(row.pk), str(row))
    changes = json.loads(message) if isinstance(message, str) and message.startswith("[") else message
    record(current_who(), f"{kind}.{verb}", subject, meta={"changes": changes} if changes else None)


def _team_id(row: Model) -> str | None:
    if isinstance(row, Team):
        return row.id
    return row.team_id if isinstance(row, Membership) else None
