"""Selectors of evidence: lists, details, latest input. Always of one team, always within a range of ids.

Lists read for a bounded time (events/evidence/bounded_reads.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models import Count, F, Func, IntegerField, Q, QuerySet

from connections.models import Connection
from destinations.models import Destination
from events.evidence.bounded_reads import bounded_read, count_found
from events.evidence.filters import AttemptFilter, EventFilter, ExecutionFilter, RequestFilter
from events.evidence.search import made_before, search
from events.evidence.status_parts import split_by_status
from events.models import Attempt, Event, Request, RequestStatus, TransformationExecution
from fasthook.api.filters import ListFilter
from fasthook.api.pagination import COUNT_UP_TO, Page, count_rows, paginate
from fasthook.api.timerange import TimeRange, read_range
from fasthook.lib.errors import NotFound, invalid
from fasthook.lib.ids import first_id_at, is_id, time_of
from sources.models import Source

MAX_LIMIT = 100
# Comma lists up to this long are read value by value, each in the order of its index, and merged. Each costs a plan
# over a month of partitions, so longer ones are left to the planner.
MAX_PARTS = 8
# Ids are made by many processes: what follows from a row may bear a slightly earlier time than the row.
CLOCK_SKEW = timedelta(hours=1)

ORDERS = {"created_at": "id"}
# A destination that is disabled ends waiting events with the cause of its ignored branches. Those were deliveries: they
# stay in the lists, told apart by the meta that all ignored branches have, and nothing else.
IGNORED = Q(ignored_meta__isnull=False)

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Listing(Generic[M]):
    """A filtered list before it is read, in parts that have no row in common; `counted` are fewer, for counting."""

    resource: str
    parts: tuple[QuerySet[M], ...]
    counted: tuple[QuerySet[M], ...]
    time_range: TimeRange
    params: Mapping[str, str]
    include: frozenset[str]
    signature: list[Any]
    searched: bool = False

    def page(self) -> Page[M]:
        with bounded_read():
            return paginate(
                *self.parts,
                counted=self.counted,
                params=self.params,
                resource=self.resource,
                orders=ORDERS,
                signature=self.signature,
                max_limit=MAX_LIMIT,
                count=count_found if self.searched else count_rows,
            )

    def count(self) -> tuple[int, bool]:
        """How many rows, up to COUNT_UP_TO, and whether that is all."""
        with bounded_read():
            count = count_rows(*self.counted)
        return min(count, COUNT_UP_TO), count <= COUNT_UP_TO


@dataclass(frozen=True, slots=True)
class BranchCounts:
    """Of one request: events, and branches that ended before they became a delivery."""

    events: int = 0
    ignored: int = 0


def list_requests(team_id: str, params: Mapping[str, str], *, now: datetime) -> Listing[Request]:
    rows = Request.objects.defer("headers", "body", "query", "path")
    return _listing("requests", rows, RequestFilter, team_id=team_id, params=params, now=now)


def list_events(team_id: str, params: Mapping[str, str], *, now: datetime) -> Listing[Event]:
    """Branches that never were deliveries are hidden, unless they are asked for: see `_asks_for_ignored`."""
    rows = Event.objects.all()
    if not _asks_for_ignored(params):
        rows = rows.filter(ignored_meta__isnull=True)
    return _event_listing("events", rows, team_id=team_id, params=params, now=now)


def _asks_for_ignored(params: Mapping[str, str]) -> bool:
    """By `include=ignored`, by a cause, or by looking at one connection without naming a status (connections guide).

    `status=CANCELLED` does not ask for them: it is what bulk retry and cancelled_count mean by cancelled.
    """
    if params.get("ignored_cause") or "ignored" in read_include(params, legal=("data", "ignored")):
        return True
    return bool(params.get("connection_id") or params.get("webhook_id")) and not params.get("status")


def list_ignored_events(team_id: str, params: Mapping[str, str], *, now: datetime) -> Listing[Event]:
    rows = Event.objects.filter(IGNORED)
    return _event_listing("ignored_events", rows, team_id=team_id, params=params, now=now)


def list_attempts(team_id: str, params: Mapping[str, str], *, now: datetime) -> Listing[Attempt]:
    return _listing("attempts", Attempt.objects.all(), AttemptFilter, team_id=team_id, params=params, now=now)


def list_executions(
    team_id: str, transformation_id: str, params: Mapping[str, str], *, now: datetime
) -> Listing[TransformationExecution]:
    rows = TransformationExecution.objects.filter(transformation_id=transformation_id).defer("logs", "after")
    listing = _listing("executions", rows, ExecutionFilter, team_id=team_id, params=params, now=now)
    return replace(listing, signature=[transformation_id, *listing.signature])


def _event_listing(
    resource: str, rows: QuerySet[Event], *, team_id: str, params: Mapping[str, str], now: datetime
) -> Listing[Event]:
    listing = _listing(resource, rows, EventFilter, team_id=team_id, params=params, now=now)
    statuses = [text.strip() for text in params.get("status", "").split(",") if text.strip()]
    if not statuses:
        return listing
    counted = split_by_status(listing.counted[0], statuses, team_id=team_id)
    parts = [part for each in listing.parts for part in split_by_status(each, statuses, team_id=team_id)]
    return replace(listing, parts=tuple(parts) if len(parts) <= MAX_PARTS else counted, counted=counted)


# Of each list: the prefix of its ids, and the filter whose ids tell how far back its rows can lie, in place of the
# default range.
_PREFIX_AND_PARENT: dict[type[ListFilter], tuple[str, str]] = {
    RequestFilter: ("req", "id"),
    EventFilter: ("evt", "request_id"),
    AttemptFilter: ("att", "event_id"),
    ExecutionFilter: ("txe", "request_id"),
}


def _listing(
    resource: str,
    rows: QuerySet[M],
    filterset: type[ListFilter],
    *,
    team_id: str,
    params: Mapping[str, str],
    now: datetime,
) -> Listing[M]:
    prefix, parent = _PREFIX_AND_PARENT[filterset]
    filters = filterset(params, queryset=rows.filter(team_id=team_id), now=now)
    whole: QuerySet[M] = filters.rows()
    if _is_by_owner_alone(team_id, filters):
        whole = filterset(params, queryset=rows, now=now).rows()
    include = read_include(params, legal=("data", "ignored") if filterset is EventFilter else ("data",))
    text = filters.form.cleaned_data.get("q", "")
    earliest = _earliest(params.get(parent, "")) or made_before(text)
    time_range = read_range(params, now=now, earliest=earliest)
    bounds = time_range.id_bounds(prefix)

    def narrow(part: QuerySet[M]) -> QuerySet[M]:
        return search(part.filter(**bounds), text, first=time_range.first)

    return Listing(
        resource=resource,
        parts=tuple(map(narrow, filters.parts(at_most=MAX_PARTS))),
        counted=(narrow(whole),),
        time_range=time_range,
        params=params,
        include=include,
        signature=[filters.signature(), sorted(include - {"data"})],
        searched=bool(text),
    )


_OWNERS: dict[str, type[models.Model]] = {
    "connection_id": Connection,
    "webhook_id": Connection,
    "destination_id": Destination,
    "source_id": Source,
}


def _is_by_owner_alone(team_id: str, filters: ListFilter) -> bool:
    """Whether the list is all of some connections, destinations or sources that are the team's own.

    Then so are its rows, and counting them need not look at each: their indexes do not hold the team.
    """
    given = {name: values for name, values in filters.form.cleaned_data.items() if values}
    if len(given) != 1 or not given.keys() <= _OWNERS.keys():
        return False
    ((name, ids),) = given.items()
    return _OWNERS[name]._default_manager.filter(team_id=team_id, id__in=ids).count() == len(ids)


def _earliest(identifiers: str) -> datetime | None:
    times = []
    for identifier in identifiers.split(","):
        try:
            times.append(time_of(identifier.strip()))
        except ValueError:
            continue
    return min(times) - CLOCK_SKEW if times else None


def read_include(params: Mapping[str, str], *, legal: Collection[str]) -> frozenset[str]:
    wanted = frozenset(part.strip() for part in params.get("include", "").split(",") if part.strip())
    if not wanted <= set(legal):
        raise invalid("include", f"must be one or several of: {', '.join(legal)}")
    return wanted


def get_request(team_id: str, identifier: str) -> Request:
    return _get(Request.objects.all(), "request", team_id=team_id, identifier=identifier)


def get_request_head(team_id: str, identifier: str) -> Request:
    """Without headers and body; `body_size` in its place, None when it was not stored."""
    size = Func(F("body"), function="octet_length", output_field=IntegerField())
    rows = Request.objects.defer("headers", "body").annotate(body_size=size)
    return _get(rows, "request", team_id=team_id, identifier=identifier)


def get_event(team_id: str, identifier: str) -> Event:
    return _get(Event.objects.all(), "event", team_id=team_id, identifier=identifier)


def get_attempt(team_id: str, identifier: str) -> Attempt:
    return _get(Attempt.objects.all(), "attempt", team_id=team_id, identifier=identifier)


def get_execution(team_id: str, transformation_id: str, identifier: str) -> TransformationExecution:
    rows = TransformationExecution.objects.filter(transformation_id=transformation_id)
    return _get(rows, "execution", team_id=team_id, identifier=identifier)


_PREFIXES = {"request": "req", "event": "evt", "attempt": "att", "execution": "txe"}


def _get(rows: QuerySet[M], kind: str, *, team_id: str, identifier: str) -> M:
    row = rows.filter(pk=identifier, team_id=team_id).first() if is_id(_PREFIXES[kind], identifier) else None
    if row is None:
        raise NotFound(
            f"there is no {kind} {identifier[:100]!r} in this team; evidence is kept for a limited time",
            data={"id": identifier[:100]},
        )
    return row


def count_branches(request_ids: Collection[str]) -> dict[str, BranchCounts]:
    """The counts of each request that has branches, in one query."""
    if not request_ids:
        return {}
    first = first_id_at("evt", time_of(min(request_ids)) - CLOCK_SKEW)
    grouped = (
        Event.objects.filter(request_id__in=request_ids, id__gte=first)
        .values("request_id")
        .annotate(total=Count("id"), ignored=Count("id", filter=IGNORED))
    )
    return {
        row["request_id"]: BranchCounts(events=row["total"] - row["ignored"], ignored=row["ignored"]) for row in grouped
    }


def latest_input(team_id: str, connection_id: str) -> tuple[str, Request | None]:
    """The connection's id and the last request that its source accepted, handshakes aside.

    Raises NotFound when the connection is not there.
    """
    connections = Connection.objects.filter(team_id=team_id, deleted_at=None)
    found = None if "\0" in connection_id else connections.filter(pk=connection_id).first()
    if found is None:
        raise NotFound(f"there is no connection {connection_id[:100]!r} in this team", data={"id": connection_id[:100]})
    with bounded_read():
        request = (
            Request.objects.filter(
                source_id=found.source_id, team_id=team_id, status=RequestStatus.ACCEPTED, handshake=False
            )
            .order_by("-id")
            .first()
        )
    return found.id, request
