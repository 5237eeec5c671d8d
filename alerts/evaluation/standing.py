"""The alerts that stand (pending or open) as rows: read under lock, written back, a statement for all of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import connection

from alerts.evaluation.transitions import Rule, Standing, Transitions
from alerts.models import Alert, AlertStatus
from alerts.outbox.messages import summarise
from alerts.rules.types import SPECS
from fasthook.lib.ids import new_id

_STANDING = (AlertStatus.PENDING, AlertStatus.OPEN)

# Not acknowledged_at and the like: those are the operators' columns.
_UPDATE = """
UPDATE alerts_alert AS alert
SET object_name = given.object_name, status = given.status, value = given.value, summary = given.summary,
    opened_at = given.opened_at, clear_since = given.clear_since, resolved_at = given.resolved_at,
    resolution = given.resolution
FROM unnest(
    %(id)s::text[], %(object_name)s::text[], %(status)s::text[], %(value)s::float8[], %(summary)s::text[],
    %(opened_at)s::timestamptz[], %(clear_since)s::timestamptz[], %(resolved_at)s::timestamptz[], %(resolution)s::text[]
) AS given (id, object_name, status, value, summary, opened_at, clear_since, resolved_at, resolution)
WHERE alert.id = given.id
"""


def lock_all() -> list[Standing]:
    """In the order of their ids. An operator's change of one waits for the evaluation, which is short from here on."""
    rows = Alert.objects.filter(status__in=_STANDING).order_by("id").select_for_update(no_key=True)
    return [
        Standing(
            id=row.id,
            rule_id=row.rule_id,
            object_id=row.object_id,
            object_name=row.object_name,
            value=row.value,
            pending_at=row.pending_at,
            opened_at=row.opened_at,
            clear_since=row.clear_since,
            notified_at=row.notified_at,
            acknowledged_at=row.acknowledged_at,
            muted_until=row.muted_until,
            summary=row.summary,
        )
        for row in rows
    ]


def save(after: Transitions, rules: Mapping[str, Rule]) -> list[Standing]:
    """Writes what has become of the alerts; returns them, the new ones with their ids."""
    if after.over:
        Alert.objects.filter(id__in=after.over).delete()
    alerts = [_summarised(alert, rules) for alert in after.kept]
    old = [alert for alert in alerts if alert.id is not None]
    new = [replace(alert, id=new_id("alt")) for alert in alerts if alert.id is None]
    Alert.objects.bulk_create([_row(alert, rules[alert.rule_id]) for alert in new])
    _update(old)
    return [*old, *new]


def _summarised(alert: Standing, rules: Mapping[str, Rule]) -> Standing:
    return replace(alert, summary=summarise(rules[alert.rule_id], alert)) if alert.measured else alert


def _row(alert: Standing, rule: Rule) -> Alert:
    return Alert(
        id=str(alert.id),
        team_id=rule.team_id,
        rule_id=rule.id,
        rule_type=rule.type.value,
        object_type=SPECS[rule.type].watches.value,
        object_id=alert.object_id,
        object_name=alert.object_name,
        status=status_of(alert),
        value=alert.value,
        summary=alert.summary,
        pending_at=alert.pending_at,
        opened_at=alert.opened_at,
    )


def _update(alerts: list[Standing]) -> None:
    if not alerts:
        return
    params: dict[str, Any] = {
        "id": [alert.id for alert in alerts],
        "object_name": [alert.object_name for alert in alerts],
        "status": [status_of(alert) for alert in alerts],
        "value": [float(alert.value) for alert in alerts],
        "summary": [alert.summary for alert in alerts],
        "opened_at": [alert.opened_at for alert in alerts],
        "clear_since": [alert.clear_since for alert in alerts],
        "resolved_at": [alert.resolved_at for alert in alerts],
        "resolution": [alert.resolution for alert in alerts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, params)


def status_of(alert: Standing) -> str:
    if alert.resolved_at is not None:
        return AlertStatus.RESOLVED.value
    return (AlertStatus.PENDING if alert.opened_at is None else AlertStatus.OPEN).value
