"""Acknowledging and muting alerts, as operators do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from alerts.models import Alert, AlertStatus
from fasthook.lib.clock import iso
from fasthook.lib.errors import Conflict
from teams.audit.log import record
from teams.audit.request_context import current_who
from teams.models import Team
from teams.scoping import for_team, not_found


def acknowledge(team: Team, alert_id: str, *, by: str, now: datetime) -> Alert:
    """Acknowledged twice keeps the first. NotFound; Conflict ALERT_RESOLVED."""
    return _change(
        team, alert_id, "acknowledged", {"acknowledged_at": now, "acknowledged_by": by}, keep="acknowledged_at"
    )


def unacknowledge(team: Team, alert_id: str) -> Alert:
    return _change(team, alert_id, "unacknowledged", {"acknowledged_at": None, "acknowledged_by": None})


def mute(team: Team, alert_id: str, *, until: datetime) -> Alert:
    """Nothing is sent for it until then, not its end either. NotFound; Conflict ALERT_RESOLVED."""
    return _change(team, alert_id, "muted", {"muted_until": until})


def unmute(team: Team, alert_id: str) -> Alert:
    return _change(team, alert_id, "unmuted", {"muted_until": None})


@transaction.atomic
def _change(team: Team, alert_id: str, verb: str, values: dict[str, Any], *, keep: str | None = None) -> Alert:
    """`keep` names a column whose value, once set, stays."""
    rows = for_team(Alert, team).filter(pk=alert_id) if "\0" not in alert_id else Alert.objects.none()
    row = rows.select_for_update(no_key=True).first()
    if row is None:
        raise not_found(Alert, alert_id)
    if row.status == AlertStatus.RESOLVED:
        raise Conflict(
            "this alert is resolved; nothing more is sent for it", code="ALERT_RESOLVED", data={"id": row.id}
        )
    changes = {name: value for name, value in values.items() if getattr(row, name) != value}
    if not changes or (keep is not None and getattr(row, keep) is not None):
        return row
    before = {name: _shown(getattr(row, name)) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    after = {name: _shown(value) for name, value in changes.items()}
    record(current_who(), f"alert.{verb}", row, before=before, after=after, meta={"summary": row.summary})
    return row


def _shown(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
