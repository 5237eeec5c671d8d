"""REJECTED_REQUESTS: how many requests a source turned away in the window, those that were only counted included."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.db import connection

from alerts.evaluation.conditions.observation import Observation
from alerts.evaluation.conditions.self_caused import FEW, Asked, own_rejections, sent_lately
from alerts.rules.types import RESOLVE_SHARE
from events.codes import REJECTION_CAUSES
from fasthook.lib.ids import first_id_at
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "rejected.sql")

# Rejected requests of one team and cause that one look reads, newest first.
MOST: Final = 20_000
_AHEAD = timedelta(hours=1)


def observe(*, now: datetime) -> list[Observation]:
    with connection.cursor() as cursor:
        cursor.execute(SQL["windows"])
        windows_s = [window_s for (window_s,) in cursor.fetchall()]
        if not windows_s:
            return []
        since = [first_id_at("req", now - timedelta(seconds=window_s)) for window_s in windows_s]
        params: dict[str, Any] = {
            "now": now,
            "share": RESOLVE_SHARE,
            "most": MOST,
            "causes": list(REJECTION_CAUSES),
            "windows_s": windows_s,
            "since": since,
            "from": since[-1],
            "to": first_id_at("req", now + _AHEAD),
        }
        cursor.execute(SQL["rejecting_sources"], params)
        found = [(row, Asked(row[3], row[1], row[4])) for row in cursor.fetchall()]
    few = list(dict.fromkeys(asked for row, asked in found if row[5] <= FEW))
    own = own_rejections(few, now=now) if few and sent_lately(now) else {}
    observations = []
    for (rule_id, source_id, name, _, _, number, resolves_below), asked in found:
        others = number - own.get(asked, 0)
        if others >= resolves_below:
            observations.append(Observation(rule_id, source_id, name, float(others)))
    return observations
