"""BACKLOG and BACKLOG_AGE: how many events wait for a destination, and how long the oldest has been due.

Held events have no job and do not wait; neither does a retry or a delay that is not due yet.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import connection

from alerts.evaluation.conditions.observation import Observation
from alerts.evaluation.conditions.self_caused import FEW, Queue, own_queues, sent_lately
from alerts.rules.types import RESOLVE_SHARE, RuleType
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "backlog.sql")

# So far beyond the threshold a backlog is counted.
BEYOND: Final = 10_000


def observe(*, now: datetime) -> list[Observation]:
    with connection.cursor() as cursor:
        cursor.execute(SQL["waiting_destinations"], {"now": now, "share": RESOLVE_SHARE, "beyond": BEYOND})
        found = cursor.fetchall()
    few = list(dict.fromkeys(destination_id for _, destination_id, _, _, _, number, _, _ in found if number <= FEW))
    queues = own_queues(few, now=now) if few and sent_lately(now) else {}
    observations = []
    for rule_id, destination_id, name, rule_type, value, _, exact, resolves_below in found:
        queue = queues.get(destination_id)
        value = value if queue is None else _without_own(RuleType(rule_type), value, queue, now=now)
        if value >= resolves_below:
            observations.append(Observation(rule_id, destination_id, name, value, exact=exact))
    return observations


def _without_own(rule_type: RuleType, value: float, queue: Queue, *, now: datetime) -> float:
    if rule_type is RuleType.BACKLOG:
        return value - queue.own
    return (now - queue.oldest_other).total_seconds() if queue.oldest_other else 0.0
