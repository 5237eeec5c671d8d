"""FAILURE_RATE: the share of a connection's attempts, begun in the window, that failed.

Events whose transformation failed have no attempt; each counts as one that failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.db import connection

from alerts.evaluation.conditions.observation import Observation
from alerts.evaluation.conditions.self_caused import FEW, Asked, own_failures, sent_lately
from alerts.rules.types import LEAST_RESOLVE_RATE, RESOLVE_SHARE
from fasthook.lib.ids import first_id_at
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "failure_rate.sql")

# Failures of one team that one look reads, newest first.
MOST: Final = 20_000
# Ids are made by many processes, whose clocks differ.
_AHEAD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Failing:
    rule_id: str
    connection_id: str
    name: str
    asked: Asked
    failed: int
    number: int
    resolves_below: float


def observe(*, now: datetime) -> list[Observation]:
    found = _find(now)
    few = list(dict.fromkeys(each.asked for each in found if each.failed <= FEW))
    own = own_failures(few, now=now) if few and sent_lately(now) else {}
    observations = []
    for each in found:
        echoes = own.get(each.asked, 0)
        failed, number = each.failed - echoes, each.number - echoes
        rate = 100 * failed / number if number > 0 else 0.0
        if failed > 0 and rate >= each.resolves_below:
            observations.append(Observation(each.rule_id, each.connection_id, each.name, rate, out_of=number))
    return observations


def _find(now: datetime) -> list[_Failing]:
    with connection.cursor() as cursor:
        cursor.execute(SQL["windows"])
        windows_s = [window_s for (window_s,) in cursor.fetchall()]
        if not windows_s:
            return []
        starts = [now - timedelta(seconds=window_s) for window_s in windows_s]
        params: dict[str, Any] = {
            "share": RESOLVE_SHARE,
            "least": LEAST_RESOLVE_RATE,
            "most": MOST,
            "windows_s": windows_s,
            "attempts_since": [first_id_at("att", start) for start in starts],
            "events_since": [first_id_at("evt", start) for start in starts],
            # Constants, so that the planner leaves out the partitions of other days.
            "attempts_from": first_id_at("att", starts[-1]),
            "attempts_to": first_id_at("att", now + _AHEAD),
            "events_from": first_id_at("evt", starts[-1]),
            "events_to": first_id_at("evt", now + _AHEAD),
        }
        cursor.execute(SQL["failing_connections"], params)
        return [
            _Failing(rule_id, connection_id, name, Asked(team_id, connection_id, since), failed, number, below)
            for rule_id, connection_id, name, team_id, _, since, failed, number, below in cursor.fetchall()
        ]
