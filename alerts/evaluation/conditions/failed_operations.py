"""BULK_OPERATION_FAILED: an operation broke off within the window. Over when the window has passed, since nothing else
ends it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import connection

from alerts.evaluation.conditions.observation import Observation
from fasthook.lib.ids import first_id_at
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "failed_operations.sql")

# The longest window, and as long again for an operation to run.
_BEGUN_WITHIN: Final = timedelta(days=14)


def observe(*, now: datetime) -> list[Observation]:
    with connection.cursor() as cursor:
        cursor.execute(SQL["failed_operations"], {"now": now, "since": first_id_at("bch", now - _BEGUN_WITHIN)})
        return [Observation(rule_id, identifier, kind, 1.0) for rule_id, identifier, kind in cursor.fetchall()]
