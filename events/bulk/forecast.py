"""The forecast of a plan: how long each destination takes, and which are blocked now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from connections.models import Connection
from destinations.models import Destination, RatePeriod
from events.bulk.census import Census, Target
from events.lifecycle.refusals import EventState, ObjectState, Refusal, Route, refuse_retry
from events.models.bulk import BulkKind
from events.states import Status
from fasthook.lib.ids import first_id_at
from sources.models import Source

# What one operation gets done at most, whatever the destinations can take.
PACE_PER_S: Final = 2000.0
# Of a destination that has had no attempt lately.
USUAL_LATENCY_S: Final = 0.25
LATELY: Final = timedelta(days=7)
MAX_DESTINATIONS: Final = 50
WAITING_UP_TO: Final = 10_000
_PERIOD_S: Final = {RatePeriod.SECOND: 1, RatePeriod.MINUTE: 60, RatePeriod.HOUR: 3600}
_FAILED: Final = EventState(
    status=Status.FAILED, planned=False, ignored=False, has_job=False, in_flight=False, repeated=False
)

_LOOK = """
SELECT
    wanted.id,
    (SELECT avg(latency) FROM (
        SELECT latency FROM attempts WHERE destination_id = wanted.id AND id >= %(since)s ORDER BY id DESC LIMIT 50
    ) AS recent),
    (SELECT count(*) FROM (
        SELECT FROM delivery_job WHERE destination_id = wanted.id LIMIT %(up_to)s
    ) AS waiting)
FROM unnest(%(ids)s::text[]) AS wanted (id)
"""


@dataclass(frozen=True, slots=True)
class DestinationForecast:
    """`count` deliveries come to it, `waiting_count` (up to WAITING_UP_TO) are before them."""

    destination_id: str
    name: str
    count: int
    waiting_count: int
    per_s: float

    @property
    def seconds(self) -> float:
        return (self.count + self.waiting_count) / self.per_s


@dataclass(frozen=True, slots=True)
class Forecast:
    """`blocked`: how many would be passed over now, by code. `destinations`: the slowest first, MAX_DESTINATIONS."""

    seconds: float
    blocked: Mapping[Refusal, int]
    destinations: tuple[DestinationForecast, ...] = ()


def forecast(kind: BulkKind, team_id: str, census: Census, *, now: datetime) -> Forecast:
    paging_s = census.total / PACE_PER_S
    if kind is BulkKind.EVENT_CANCEL:
        return Forecast(paging_s, {})
    if kind is BulkKind.REQUEST_RETRY:
        blocked, by_destination = _of_requests(team_id, census.targets)
    else:
        blocked, by_destination = _of_events(team_id, census.targets)
    found = sorted(_look_at(by_destination, now=now), key=lambda each: -each.seconds)
    slowest_s = found[0].seconds if found else 0.0
    return Forecast(max(paging_s, slowest_s), blocked, tuple(found[:MAX_DESTINATIONS]))


def _of_events(team_id: str, targets: Mapping[Target, int]) -> tuple[Counter[Refusal], Counter[str]]:
    connections = _connections(team_id, {connection_id for connection_id, _ in targets})
    destinations = _states(Destination, {destination_id for _, destination_id in targets})
    blocked: Counter[Refusal] = Counter()
    by_destination: Counter[str] = Counter()
    for (connection_id, destination_id), count in targets.items():
        row = connections.get(connection_id)
        route = Route(
            source=_state(row.source if row else None),
            connection=_state(row, paused=bool(row and row.paused_at)),
            destination=destinations.get(destination_id, _state(None)),
        )
        refusal = refuse_retry(_FAILED, route, has_payload=True)
        if refusal is None:
            by_destination[destination_id] += count
        else:
            blocked[refusal] += count
    return blocked, by_destination


def _of_requests(team_id: str, targets: Mapping[Target, int]) -> tuple[Counter[Refusal], Counter[str]]:
    """Every live branch of a source counts: which of them its rules would let pass is not asked."""
    sources = _states(Source, {source_id for source_id, _ in targets})
    blocked: Counter[Refusal] = Counter()
    by_destination: Counter[str] = Counter()
    live = Connection.objects.filter(
        team_id=team_id, source_id__in=sources, deleted_at=None, disabled_at=None, destination__disabled_at=None
    )
    branches: dict[str, list[str]] = {}
    for source_id, destination_id in live.values_list("source_id", "destination_id"):
        branches.setdefault(source_id, []).append(destination_id)
    for (source_id, _), count in targets.items():
        state = sources.get(source_id, _state(None))
        if state.deleted or state.disabled:
            blocked[Refusal.SOURCE_DELETED if state.deleted else Refusal.SOURCE_DISABLED] += count
            continue
        for destination_id in branches.get(source_id, []):
            by_destination[destination_id] += count
    return blocked, by_destination


def _look_at(counts: Mapping[str, int], *, now: datetime) -> list[DestinationForecast]:
    rows = {row.id: row for row in Destination.objects.filter(id__in=counts)}
    params: dict[str, Any] = {"ids": sorted(rows), "since": first_id_at("att", now - LATELY), "up_to": WAITING_UP_TO}
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, params)
        looked: list[tuple[str, Any, int]] = cursor.fetchall()
    return [
        DestinationForecast(
            destination_id=identifier,
            name=rows[identifier].name,
            count=counts[identifier],
            waiting_count=waiting,
            per_s=_per_s(rows[identifier], float(latency_ms) / 1000 if latency_ms else USUAL_LATENCY_S),
        )
        for identifier, latency_ms, waiting in looked
    ]


def _per_s(destination: Destination, latency_s: float) -> float:
    by_concurrency = min(PACE_PER_S, destination.max_concurrency / max(0.001, latency_s))
    if destination.rate_limit is None:
        return by_concurrency
    return min(by_concurrency, destination.rate_limit / _PERIOD_S[RatePeriod(destination.rate_limit_period)])


def _connections(team_id: str, ids: Collection[str]) -> dict[str, Connection]:
    rows = Connection.objects.filter(team_id=team_id, id__in=ids).select_related("source")
    return {row.id: row for row in rows}


def _states(model: type[Source | Destination], ids: Collection[str]) -> dict[str, ObjectState]:
    return {row.pk: _state(row) for row in model._default_manager.filter(pk__in=ids)}


def _state(row: Source | Destination | Connection | None, *, paused: bool = False) -> ObjectState:
    return ObjectState(
        deleted=row is None or row.deleted_at is not None,
        disabled=row is not None and row.disabled_at is not None,
        paused=paused,
    )
