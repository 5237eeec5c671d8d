"""Self-caused notifications: one that comes back to a source and fails there must neither keep an alert open nor open
one.

Looked at only where few failed, wait or were rejected: notifications are so rate-bound that they are never many. What
forwards a notification without its header is not recognised; the other bounds hold for that (docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.db import connection

from events.codes import REJECTION_CAUSES
from fasthook.lib.ids import first_id_at
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "self_caused.sql")

# Of more than that, one object's notifications would not make a difference.
FEW: Final = 200
_SENT_WITHIN = timedelta(days=7)
_AHEAD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """An object, and from which id on its failed attempts or rejected requests count."""

    team_id: str
    object_id: str
    since: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Of a destination: how many waiting events are our own, and since when the oldest other one is due."""

    own: int
    oldest_other: datetime | None


def sent_lately(now: datetime) -> bool:
    return bool(_rows(SQL["sent_lately"], since=first_id_at("anf", now - _SENT_WITHIN))[0][0])


def own_failures(asked: Sequence[Asked], *, now: datetime) -> dict[Asked, int]:
    rows = _rows(SQL["of_connections"], **_columns(asked), to=first_id_at("att", now + _AHEAD), most=FEW)
    return {asked[place - 1]: number for place, number in rows}


def own_rejections(asked: Sequence[Asked], *, now: datetime) -> dict[Asked, int]:
    to, causes = first_id_at("req", now + _AHEAD), list(REJECTION_CAUSES)
    rows = _rows(SQL["of_sources"], **_columns(asked), to=to, most=FEW, causes=causes)
    return {asked[place - 1]: number for place, number in rows}


def own_queues(destination_ids: Sequence[str], *, now: datetime) -> dict[str, Queue]:
    rows = _rows(SQL["of_destinations"], ids=list(destination_ids), now=now, most=FEW)
    return {destination_ids[place - 1]: Queue(own, oldest) for place, own, oldest in rows}


def _columns(asked: Sequence[Asked]) -> dict[str, list[str]]:
    return {
        "teams": [each.team_id for each in asked],
        "ids": [each.object_id for each in asked],
        "since": [each.since for each in asked],
    }


def _rows(statement: str, **params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
