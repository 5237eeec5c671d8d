"""The selection of an operation: a list's filter over a frozen range, applied to the rows as they are now.

Pages go by id through candidates, which every filter but the search term picks from an index; the term is then looked
for in the page alone, so that no page reads for long however little it finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Length

from events.evidence.search import search
from events.evidence.selectors import Listing, list_events, list_requests
from events.models import DeliveryJob
from events.models.bulk import BulkKind
from events.states import Status
from fasthook.api import timerange
from fasthook.api.timerange import TimeRange
from fasthook.lib.clock import iso

EVENTS: Final = 1000
# Requests are accepted again as a whole, and routed before those that come in meanwhile: a page is routed in a moment.
REQUESTS: Final = 250
REQUEST_BYTES: Final = 8 * 1024 * 1024

Rows = QuerySet[Any]
# Branches that never were deliveries are neither retried nor cancelled.
_DELIVERY: Final = Q(ignored_meta__isnull=True)


@dataclass(frozen=True, slots=True)
class Selection:
    """`parts` have no row in common and are each read in the order of an index; `whole` are the same rows."""

    kind: BulkKind
    parts: tuple[Rows, ...]
    whole: Rows
    text: str
    time_range: TimeRange
    params: Mapping[str, str]

    @property
    def found(self) -> tuple[Rows, ...]:
        """The parts with the search term looked for."""
        return tuple(search(part, self.text, first=self.time_range.first) for part in self.parts)


def select(kind: BulkKind, team_id: str, params: Mapping[str, str], *, now: datetime) -> Selection:
    """InvalidInput naming the parameter. The range ends at `now` at the latest, and is written into the parameters."""
    text = params.get("q", "").strip()
    listing = _list(kind, team_id, params, now=now)
    first = listing.time_range.first
    time_range = TimeRange(first=first, last=max(first, min(listing.time_range.last, now)), bounded=True)
    return freeze(kind, team_id, params, time_range=time_range, text=text)


def freeze(
    kind: BulkKind, team_id: str, params: Mapping[str, str], *, time_range: TimeRange, text: str | None = None
) -> Selection:
    """The selection of a stored operation."""
    frozen = {name: value for name, value in params.items() if name not in timerange.PARAMETERS}
    frozen |= {"from": iso(time_range.first) or "", "to": iso(time_range.last) or ""}
    listing = _list(kind, team_id, {**frozen, "q": ""}, now=time_range.last)
    text = frozen.get("q", "").strip() if text is None else text
    if kind is BulkKind.REQUEST_RETRY:
        return Selection(kind, listing.parts, listing.counted[0], text, time_range, frozen)
    statuses = frozen["status"].split(",")
    whole = list_events(team_id, {**frozen, "q": "", "status": ""}, now=time_range.last).counted[0].filter(_DELIVERY)
    if kind is BulkKind.EVENT_CANCEL:
        parts = _waiting(whole, team_id, statuses)
    else:
        parts = tuple(part.filter(_DELIVERY) for part in listing.parts)
    return Selection(kind, parts, whole.filter(status__in=statuses), text, time_range, frozen)


def read_candidates(selection: Selection, *, after: str) -> list[str]:
    """The ids of the next page behind `after`, in their order; empty when there are none."""
    if selection.kind is BulkKind.REQUEST_RETRY:
        return _fitting(selection, after)
    found: list[str] = []
    for part in selection.parts:
        found += _behind(part, after).values_list("id", flat=True)[:EVENTS]
    return sorted(found)[:EVENTS]


def about_text(selection: Selection, ids: Sequence[str]) -> list[str]:
    """Those of a page that the search term is about; all without one."""
    if not ids or not selection.text:
        return list(ids)
    return _ids(search(_among(selection, ids), selection.text, first=selection.time_range.first))


def still_matching(selection: Selection, ids: Sequence[str]) -> list[str]:
    """Those of a page that the filter picks now; the search term aside."""
    return _ids(_among(selection, ids)) if ids else []


def _among(selection: Selection, ids: Sequence[str]) -> Rows:
    return selection.whole.filter(id__in=ids, id__gte=min(ids), id__lte=max(ids))


def _ids(rows: Rows) -> list[str]:
    return sorted(rows.order_by().values_list("id", flat=True))


def _list(kind: BulkKind, team_id: str, params: Mapping[str, str], *, now: datetime) -> Listing[Any]:
    if kind is BulkKind.REQUEST_RETRY:
        return list_requests(team_id, params, now=now)
    return list_events(team_id, params, now=now)


def _waiting(rows: Rows, team_id: str, statuses: Sequence[str]) -> tuple[Rows, ...]:
    """What may be cancelled has a job or is held; most of what failed has neither."""
    with_job = [status for status in statuses if status != Status.HOLD]
    parts = [rows.filter(status=Status.HOLD)] if Status.HOLD in statuses else []
    if with_job:
        jobs = DeliveryJob.objects.filter(team_id=team_id).values("event_id")
        parts.append(rows.filter(id__in=jobs, status__in=with_job))
    return tuple(parts)


def _behind(rows: Rows, after: str) -> Rows:
    return (rows.filter(id__gt=after) if after else rows).order_by("id")


def _fitting(selection: Selection, after: str) -> list[str]:
    """As many requests as a page has room for, by number and by bytes; one at least."""
    sizes: list[tuple[str, int]] = []
    for part in selection.parts:
        sizes += _behind(part, after).values_list("id", Coalesce(Length("body"), 0))[:REQUESTS]
    page: list[str] = []
    total = 0
    for identifier, size in sorted(sizes)[:REQUESTS]:
        total += size
        if page and total > REQUEST_BYTES:
            break
        page.append(identifier)
    return page
