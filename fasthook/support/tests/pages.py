"""The pages of rows, and what staff left in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote as quote_key
from django.urls import reverse

from events.models import Backtest
from events.tests.seed import Project
from teams.models import AuditEntry


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote_key(row.pk)])


def audited() -> Any:
    """Without the sign-in itself."""
    return AuditEntry.objects.exclude(action__startswith="sign_in")


def rehearsal(team: Project, now: datetime, **values: Any) -> Backtest:
    return Backtest.objects.create(
        team_id=team.team.id,
        connection_id=team.connection.id,
        source_id=team.source.id,
        rules=[],
        range_from=now,
        range_to=now,
        total_count=1,
        requested_by="maya",
        created_at=now,
        **values,
    )
