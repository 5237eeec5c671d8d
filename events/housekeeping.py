"""Housekeeping: waking stages with something due, partitions ahead and behind, windows and backtests that are over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from events.bulk.results import fold_outcomes
from events.models.backtests import Backtest
from events.models.bulk import BulkOperation
from events.storage.partitions import ensure_partitions
from events.storage.retention import drop_expired
from fasthook.lib.ids import first_id_at
from fasthook.lib.nudge import insist
from teams.models import SessionToken

log = structlog.get_logger(__name__)

# delivery_job has no index by due_at alone (a worker finds what is due queue by queue): any job is a reason to wake it.
_DUE = """
SELECT
    EXISTS (SELECT 1 FROM route_job WHERE slow IN (false, true) AND due_at <= now())
        OR EXISTS (SELECT 1 FROM delivery_job WHERE rank = 4 AND due_at <= now()),
    EXISTS (SELECT 1 FROM delivery_job),
    EXISTS (SELECT 1 FROM connections_connection WHERE reconcile_requested_at IS NOT NULL)
        OR EXISTS (SELECT 1 FROM destinations_destination WHERE reconcile_requested_at IS NOT NULL),
    EXISTS (SELECT 1 FROM backtest WHERE status IN ('PLANNED', 'RUNNING') AND lease_until <= now()),
    EXISTS (SELECT 1 FROM bulk_operation WHERE finished_at IS NULL AND lease_until <= now())
"""
_PAGE = 5000
_BACKTESTS_KEPT = timedelta(days=7)


def nudge_due_stages() -> None:
    """Beat's tick: delays, retries, lost messages and dead leases are found here."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        due = cursor.fetchone()
    for stage, is_due in zip(("route", "deliver", "reconcile", "backtest", "bulk"), due, strict=True):
        if is_due:
            insist(stage)


def keep_house(*, now: datetime) -> None:
    """One chore after the other; one that fails leaves the others alone, and is tried again next time."""
    done: dict[str, Any] = {}
    for name, chore in _chores(now).items():
        try:
            done[name] = chore()
        except Exception:
            log.exception("housekeeping.chore_failed", chore=name)
    log.info("housekeeping.done", **done)


def _chores(now: datetime) -> dict[str, Callable[[], Any]]:
    retention_days = settings.RETENTION_DAYS_BY_TABLE
    forgotten = now - timedelta(days=retention_days["requests"])
    first_audit_id = first_id_at("aud", now - timedelta(days=settings.RETENTION_DAYS_AUDIT))
    ended_sessions = SessionToken.objects.filter(expires_at__lt=now)
    old_operations = BulkOperation.objects.filter(finished_at__lt=now - timedelta(days=retention_days["events"]))
    old_backtests = Backtest.objects.filter(finished_at__lt=now - _BACKTESTS_KEPT)
    return {
        "partitions_made": lambda: ensure_partitions(now=now),
        "partitions_dropped": lambda: drop_expired(now=now, retention_days=retention_days),
        "windows": lambda: _delete_in_pages("deduplication_key", "expires_at < now()"),
        # Of workers that died while they delivered what was cancelled meanwhile: nobody claims those leases again.
        "jobs": lambda: _delete_in_pages("delivery_job", "cancelled AND due_at <= now()"),
        "counters": lambda: _delete_in_pages("discarded_requests", "minute < %s", forgotten),
        "audit": lambda: _delete_in_pages("teams_auditentry", "id < %s", first_audit_id),
        "sessions": lambda: ended_sessions.delete()[0],
        "outcomes": _fold_all,
        "operations": lambda: old_operations.delete()[0],
        "backtests": lambda: old_backtests.delete()[0],
    }


def _fold_all() -> int:
    folded = 0
    while page := fold_outcomes():
        folded += page
    return folded


def _delete_in_pages(table: str, condition: str, *params: datetime | str) -> int:
    deleted = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - names of ours
                f"SELECT ctid FROM {table} WHERE {condition} LIMIT {_PAGE} FOR UPDATE SKIP LOCKED))",
                params,
            )
            page: int = cursor.rowcount
        deleted += page
        if page < _PAGE:
            return deleted
