"""Retention of resolved alerts and past notifications: RETENTION_DAYS_ALERTS. Open alerts stay, however old."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection

from fasthook.lib.ids import first_id_at

log = structlog.get_logger(__name__)

_PAGE = 5000


def forget_old(*, now: datetime) -> None:
    before = now - timedelta(days=settings.RETENTION_DAYS_ALERTS)
    alerts = _delete_in_pages("alerts_alert", "resolved_at < %s", before)
    notifications = _delete_in_pages("alerts_notification", "id < %s", first_id_at("anf", before))
    if alerts or notifications:
        log.info("alerts.forgotten", alerts=alerts, notifications=notifications)


def _delete_in_pages(table: str, condition: str, bound: datetime | str) -> int:
    deleted = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE id = ANY(ARRAY("  # noqa: S608 - names of ours
                f"SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT {_PAGE} FOR UPDATE SKIP LOCKED))",
                [bound],
            )
            page: int = cursor.rowcount
        deleted += page
        if page < _PAGE:
            return deleted
