"""Rows of a timeline: a page of a request's branches and all that belongs to them, in a fixed number of statements.

Bounded: a page of branches, of each the latest attempts, runs and actions; what was left out is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from django.db import connection

from connections.models import Connection, Transformation
from destinations.models import Destination
from events.evidence.bounded_reads import bounded_read
from events.evidence.selectors import CLOCK_SKEW, BranchCounts, count_branches, get_request_head
from events.models import DeliveryJob, Event, Request, RouteJob
from events.states import Status
from fasthook.api.pagination import Page, paginate
from fasthook.lib.ids import first_id_at, is_id, time_of
from fasthook.lib.sql import load_statements
from sources.models import Source
from teams.audit.as_of import Wanted, read_past

SQL = load_statements(Path(__file__).parent / "sql" / "reading.sql")
MAX_BRANCHES: Final = 100
DEFAULT_BRANCHES: Final = 20
# Of a page, shared among its branches.
ATTEMPTS_PER_PAGE: Final = 2000
MIN_ATTEMPTS_EACH: Final = 20
MAX_ATTEMPTS_EACH: Final = 200
RUNS_EACH: Final = 10
ACTIONS_EACH: Final = 20
MAX_REPLAYS: Final = 50
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    id: str
    event_id: str
    attempt_number: int
    trigger: str
    status: str
    response_status: int | None
    error_code: str | None
    error_message: str | None
    latency: int
    batch_operation_id: str | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of a transformation; `changed`: it made something else of the request."""

    id: str
    event_id: str
    transformation_id: str
    status: str
    error: str | None
    error_kind: str | None
    line: int | None
    duration_us: int
    logs_count: int
    changed: bool


@dataclass(frozen=True, slots=True)
class ActionRow:
    id: str
    resource_id: str
    resource_type: str
    resource_name: str
    action: str
    actor: str


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """As it is now."""

    id: str
    name: str
    rules: list[Any]
    deleted: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    request: Request
    counts: BranchCounts
    waits_for_routing: bool
    source: Mapping[str, Any]
    page: Page[Event]
    is_first_page: bool
    connections: Mapping[str, ConnectionRow]
    past: Mapping[tuple[str, str], Any]
    destinations: Mapping[str, str]
    transformations: Mapping[str, str]
    attempts: Sequence[AttemptRow]
    attempts_each: int
    runs: Sequence[RunRow]
    jobs: Mapping[str, DeliveryJob]
    actions: Sequence[ActionRow]
    replays: Sequence[Request]


def read_evidence(team_id: str, request_id: str, params: Mapping[str, str], *, now: datetime) -> Evidence:
    """NotFound; InvalidInput (limit, cursor)."""
    request = get_request_head(team_id, request_id)
    with bounded_read():
        page = _branches(request, params)
        events = page.rows
        is_first = page.prev is None
        runs = _runs(request, events)
        attempts_each = min(MAX_ATTEMPTS_EACH, max(MIN_ATTEMPTS_EACH, ATTEMPTS_PER_PAGE // max(1, len(events))))
        attempts = _attempts(events, each=attempts_each)
        connections = _connections(events)
        return Evidence(
            request=request,
            counts=count_branches([request.id]).get(request.id, BranchCounts()),
            waits_for_routing=not events and is_first and RouteJob.objects.filter(pk=request.id).exists(),
            source=_source(request),
            page=page,
            is_first_page=is_first,
            connections=connections,
            past=_past(request, events),
            destinations=_names(Destination, [event.destination_id for event in events]),
            transformations=_names(Transformation, [run.transformation_id for run in runs]),
            attempts=attempts,
            attempts_each=attempts_each,
            runs=runs,
            jobs=DeliveryJob.objects.in_bulk([event.id for event in events]) if events else {},
            actions=_actions(request, events, attempts, now=now, is_first=is_first),
            replays=_replays(request) if is_first else [],
        )


def _branches(request: Request, params: Mapping[str, str]) -> Page[Event]:
    """Oldest first. A branch is never older than its request, but for the clocks of several machines."""
    first = first_id_at("evt", time_of(request.id) - CLOCK_SKEW)
    return paginate(
        Event.objects.filter(request_id=request.id, id__gte=first),
        params={**params, "dir": "asc"},
        resource="trace",
        orders={"created_at": "id"},
        signature=[request.id],
        max_limit=MAX_BRANCHES,
        default_limit=DEFAULT_BRANCHES,
    )


def _source(request: Request) -> Mapping[str, Any]:
    found = Source.objects.filter(pk=request.source_id).values("id", "name", "type", "auth_type").first()
    return found or {"id": request.source_id, "name": None, "type": None, "auth_type": None}


def _connections(events: Sequence[Event]) -> dict[str, ConnectionRow]:
    ids = {event.connection_id for event in events}
    rows = Connection.objects.filter(pk__in=ids).values_list("id", "name", "rules", "deleted_at") if ids else []
    return {id_: ConnectionRow(id_, name, rules, deleted is not None) for id_, name, rules, deleted in rows}


Named = TypeVar("Named", Destination, Transformation)


def _names(model: type[Named], ids: Sequence[str]) -> dict[str, str]:
    return dict(model.objects.filter(pk__in=set(ids)).values_list("id", "name")) if ids else {}


def _past(request: Request, events: Sequence[Event]) -> Mapping[tuple[str, str], Any]:
    """The source's authentication as it was, and the rules of each connection when its branch was made."""
    rules = {event.connection_id: Wanted(event.connection_id, "rules", time_of(event.id)) for event in events}
    return read_past([Wanted(request.source_id, "config.auth_type", time_of(request.id)), *rules.values()])


def _attempts(events: Sequence[Event], *, each: int) -> list[AttemptRow]:
    tried = [event for event in events if event.last_attempt_at is not None]
    if not tried:
        return []
    last = max(event.last_attempt_at for event in tried if event.last_attempt_at is not None)
    found = _rows(
        SQL["read_attempts"],
        event_ids=[event.id for event in tried],
        first=first_id_at("att", time_of(tried[0].id) - CLOCK_SKEW),
        last=first_id_at("att", last + CLOCK_SKEW),
        each=each,
    )
    return [AttemptRow(*row) for row in found]


def _runs(request: Request, events: Sequence[Event]) -> list[RunRow]:
    judged = [event for event in events if event.ignored_cause != "DEDUPLICATED"]
    if not judged:
        return []
    found = _rows(
        SQL["read_executions"],
        request_id=request.id,
        event_ids=[event.id for event in judged],
        first=first_id_at("txe", time_of(request.id) - CLOCK_SKEW),
        last=first_id_at("txe", max(event.updated_at for event in judged) + CLOCK_SKEW),
        each=RUNS_EACH,
    )
    return [RunRow(*row) for row in found]


def _actions(
    request: Request, events: Sequence[Event], attempts: Sequence[AttemptRow], *, now: datetime, is_first: bool
) -> list[ActionRow]:
    """On the request, its events and bulk operations, and on connections and destinations while a branch was open."""
    rows: list[Request | Event | AttemptRow] = [*events, *attempts, *([request] if is_first else [])]
    operations = {row.batch_operation_id for row in rows}
    spans = {event.id: (time_of(event.id), now) for event in events}
    spans |= {operation: (time_of(operation), now) for operation in operations if operation and is_id("bch", operation)}
    if is_first:
        spans[request.id] = (time_of(request.id), now)
    for event in events:
        begin, end = time_of(event.id), now if is_open(event) else event.updated_at
        for resource_id in (event.connection_id, event.destination_id):
            first, last = spans.get(resource_id, (begin, end))
            spans[resource_id] = (min(first, begin), max(last, end))
    found = _rows(
        SQL["read_actions"],
        resource_ids=list(spans),
        first=[first_id_at("aud", first) for first, _ in spans.values()],
        last=[first_id_at("aud", last + _MS) for _, last in spans.values()],
        each=ACTIONS_EACH,
    )
    return [ActionRow(*row) for row in found]


def is_open(event: Event) -> bool:
    """It waits: the branch can still be touched by what is done to its connection or destination."""
    if event.status == Status.FAILED:
        return event.next_attempt_at is not None
    return event.status in (Status.SCHEDULED, Status.QUEUED, Status.HOLD)


def _replays(request: Request) -> list[Request]:
    rows = Request.objects.filter(
        retry_parent_request_id=request.id, team_id=request.team_id, id__gt=first_id_at("req", time_of(request.id))
    )
    return list(rows.only("id", "status", "batch_operation_id").order_by("id")[: MAX_REPLAYS + 1])


def _rows(statement: str, **params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
