"""SOURCE_DISABLED, DESTINATION_DISABLED, CONNECTION_DISABLED: somebody turned it off, and it still is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import connection

from alerts.evaluation.conditions.observation import Observation
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "disabled.sql")


def observe(*, now: datetime) -> list[Observation]:
    with connection.cursor() as cursor:
        cursor.execute(SQL["disabled_objects"])
        return [Observation(rule_id, identifier, name, 1.0) for rule_id, identifier, name in cursor.fetchall()]
