"""Backtests started and cancelled, within the bounds of a team."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from connections.models import Connection
from events.evidence.bounded_reads import bounded_read
from events.models.backtests import UNFINISHED, Backtest
from events.preview.backtest import progress
from events.preview.backtest.history import Past
from events.preview.backtest.plan import plan_rules
from fasthook.api.timerange import TimeRange
from fasthook.lib.clock import iso
from fasthook.lib.errors import Conflict, InvalidInput
from fasthook.lib.nudge import nudge_after_commit
from teams.audit.log import record
from teams.audit.request_context import current_who
from teams.models import Team

MAX_REQUESTS: Final = 100_000
# So far the requests of a range that is too long are counted, to say how much is to be narrowed.
COUNT_UP_TO: Final = 1_000_000
MAX_UNFINISHED: Final = 2


def start_backtest(
    connection: Connection, rules: object, *, time_range: TimeRange, requested_by: str, now: datetime
) -> Backtest:
    """Plans the replay of `rules` (None: the saved ones) against what the source accepted in the range, up to now.

    InvalidInput (faulty rules; RANGE_TOO_WIDE); Conflict TOO_MANY_REHEARSALS; Unavailable while no sandbox is there.
    """
    plan, shown = plan_rules(connection, rules)
    past = Past(connection.source_id, time_range.first, min(time_range.last, now))
    total_count = _count(past)
    with transaction.atomic():
        # Two calls at once must not both find room.
        Team.objects.select_for_update(no_key=True).get(pk=connection.team_id)
        _refuse_too_many(connection.team_id)
        row = Backtest.objects.create(
            team_id=connection.team_id,
            connection_id=connection.id,
            source_id=connection.source_id,
            rules=shown,
            sealed=plan.sealed(),
            range_from=past.first,
            range_to=past.last,
            total_count=total_count,
            requested_by=requested_by,
            created_at=now,
        )
        asked = {"connection_id": connection.id, "from": iso(past.first), "to": iso(past.last)}
        record(current_who(), "rehearsal.started", row, meta=asked)
        nudge_after_commit("backtest")
    return row


def cancel_backtest(row: Backtest) -> None:
    """What has been found stays. Conflict REHEARSAL_OVER."""
    with transaction.atomic():
        is_cancelled = progress.cancel(row.id)
        if is_cancelled:
            record(current_who(), "rehearsal.cancelled", row, meta={"connection_id": row.connection_id})
    if not is_cancelled:
        row.refresh_from_db(fields=["status"])
        raise Conflict(
            f"this rehearsal is {row.status.lower()} and cannot be cancelled",
            code="REHEARSAL_OVER",
            data={"id": row.id, "status": row.status},
        )


def _count(past: Past) -> int:
    with bounded_read():
        count = past.requests().order_by().values("pk")[: COUNT_UP_TO + 1].count()
    if count > MAX_REQUESTS:
        found = f"{count:,}" if count <= COUNT_UP_TO else f"more than {COUNT_UP_TO:,}"
        raise InvalidInput(
            f"the range holds {found} requests and a rehearsal replays at most {MAX_REQUESTS:,}: narrow from and to",
            code="RANGE_TOO_WIDE",
            fields={"from": [f"the range holds {found} requests, at most {MAX_REQUESTS:,} can be replayed"]},
            data={"count": min(count, COUNT_UP_TO), "count_exact": count <= COUNT_UP_TO, "maximum": MAX_REQUESTS},
        )
    return count


def _refuse_too_many(team_id: str) -> None:
    unfinished = list(Backtest.objects.filter(team_id=team_id, status__in=UNFINISHED).values_list("id", flat=True))
    if len(unfinished) >= MAX_UNFINISHED:
        raise Conflict(
            f"{len(unfinished)} rehearsals of this team are under way; wait for one to end, or cancel it",
            code="TOO_MANY_REHEARSALS",
            data={"ids": sorted(unfinished)},
        )
