"""Bulk operations planned, started and cancelled, within the bounds of a team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from events.bulk import progress
from events.bulk.census import Census, take_census
from events.bulk.filters import digest_of, refuse_everything
from events.bulk.forecast import Forecast, forecast
from events.bulk.named import refuse_unknown_ids
from events.bulk.selection import Selection, select
from events.evidence.bounded_reads import bounded_read
from events.models.bulk import ONGOING, BulkKind, BulkOperation, BulkStatus
from fasthook.lib.errors import Conflict
from fasthook.lib.nudge import nudge_after_commit
from teams.audit.log import record
from teams.audit.request_context import Who
from teams.auth.credentials import Actor
from teams.models import Team

MAX_ONGOING: Final = 20
SAMPLE: Final = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation would work on if it were started now. `sample`: events or requests, the newest first."""

    selection: Selection
    census: Census
    forecast: Forecast
    sample: list[Any]


def plan_operation(team: Team, kind: BulkKind, params: Mapping[str, str], *, now: datetime) -> Plan:
    """Nothing is changed. InvalidInput (faulty filter; RANGE_TOO_WIDE)."""
    refuse_unknown_ids(team.id, kind, params)
    selection = select(kind, team.id, params, now=now)
    census = take_census(selection)
    sample: list[Any] = []
    with bounded_read():
        for part in selection.found:
            sample += part.order_by("-id")[:SAMPLE]
    sample.sort(key=lambda row: str(row.id), reverse=True)
    return Plan(selection, census, forecast(kind, team.id, census, now=now), sample[:SAMPLE])


def start_operation(
    team: Team, kind: BulkKind, params: Mapping[str, str], *, actor: Actor, now: datetime
) -> BulkOperation:
    """Begins soon, in a bulk worker, over what the filter picks up to now.

    InvalidInput as for a plan, and FILTER_TOO_WIDE without any filter; Conflict BULK_OPERATION_ONGOING (with its id) or
    TOO_MANY_BULK_OPERATIONS.
    """
    refuse_everything(kind, params)
    refuse_unknown_ids(team.id, kind, params)
    selection = select(kind, team.id, params, now=now)
    census = take_census(selection)
    digest = digest_of(team.id, kind, params, now=now)
    with transaction.atomic():
        # Two calls at once must not both find room.
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        _refuse_same(digest)
        _refuse_too_many(team.id)
        row = BulkOperation.objects.create(
            team_id=team.id,
            type=kind.value,
            digest=digest,
            filter=dict(selection.params),
            range_from=selection.time_range.first,
            range_to=selection.time_range.last,
            total_count=census.total,
            total_exact=census.exact,
            requested_by=actor.label,
            created_at=now,
        )
        about = {"type": row.type, "filter": row.filter, "total_count": row.total_count}
        record(actor, "bulk_operation.started", row, after=about)
        nudge_after_commit("bulk")
    return row


def cancel_operation(row: BulkOperation, *, actor: Actor | Who) -> None:
    """No further page; what it has queued and no attempt has begun of is withdrawn soon, by a bulk worker. Conflict
    BULK_OPERATION_OVER."""
    with transaction.atomic():
        is_cancelled = progress.cancel(row.id)
        row.refresh_from_db(fields=["status", "queued_count", "skipped_count"])
        if is_cancelled:
            counts = {"queued_count": row.queued_count, "skipped_count": row.skipped_count}
            record(actor, "bulk_operation.cancelled", row, meta=counts)
            nudge_after_commit("bulk")
    if not is_cancelled:
        raise Conflict(
            f"this bulk operation is {row.status.lower()} and cannot be cancelled",
            code="BULK_OPERATION_OVER",
            data={"id": row.id, "status": row.status},
        )


def _refuse_same(digest: bytes) -> None:
    """One that is cancelled counts until all is withdrawn: what still waits would be passed over."""
    same = BulkOperation.objects.filter(digest=digest, finished_at__isnull=True).values_list("id", "status").first()
    if same is not None:
        identifier, status = same
        is_cancelled = status == BulkStatus.CANCELLED
        way_out = "what it has queued is being withdrawn" if is_cancelled else "wait for it to end, or cancel it"
        raise Conflict(
            f"the same operation is under way as {identifier}: {way_out}",
            code="BULK_OPERATION_ONGOING",
            data={"id": identifier, "status": status},
        )


def _refuse_too_many(team_id: str) -> None:
    rows = BulkOperation.objects.filter(finished_at__isnull=True, status__in=ONGOING, team_id=team_id)
    ongoing = list(rows.values_list("id", flat=True))
    if len(ongoing) >= MAX_ONGOING:
        raise Conflict(
            f"{len(ongoing)} bulk operations of this team are under way; wait for one to end, or cancel it",
            code="TOO_MANY_BULK_OPERATIONS",
            data={"ids": sorted(ongoing)},
        )
