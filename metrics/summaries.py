"""Summaries of the last 24 hours of sources, connections and destinations, for many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model

from connections.models import Connection
from destinations.models import Destination
from fasthook.lib.clock import iso
from fasthook.lib.ids import first_id_at, time_of
from metrics.reading.answering import answer
from metrics.reading.question import Question
from metrics.spec.measures import ATTEMPTS, EVENTS, REQUESTS, Resource
from metrics.spec.series import values_by_key, values_of_nothing
from sources.models import Source
from teams.models import Team
from teams.scoping import for_team

WINDOW = timedelta(hours=24)
# How far back the last request or event is looked for.
LOOK_BACK = timedelta(days=30)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """Of one kind of object: the column that names it in evidence, the measures it is shown with, and where its newest
    evidence is: the table, the prefix of its ids, and the name in the answer."""

    model: type[Model]
    column: str
    measures: Mapping[str, tuple[str, ...]]
    newest: tuple[str, str, str]


_REQUESTS = ("count", "accepted_count", "rejected_count", "discarded_count")
_EVENTS = tuple(name for name in EVENTS.measures if name != "avg_attempts")
_ATTEMPTS = ("count", "failed_count", "latency_p95")
_NEWEST_EVENT = ("events", "evt", "last_event_at")
KINDS = {
    "sources": Kind(
        Source, "source_id", {"requests": _REQUESTS, "events": _EVENTS}, ("requests", "req", "last_request_at")
    ),
    "connections": Kind(Connection, "connection_id", {"events": _EVENTS, "attempts": _ATTEMPTS}, _NEWEST_EVENT),
    "destinations": Kind(Destination, "destination_id", {"events": _EVENTS, "attempts": _ATTEMPTS}, _NEWEST_EVENT),
}
_RESOURCES: dict[str, Resource] = {resource.name: resource for resource in (REQUESTS, EVENTS, ATTEMPTS)}


def summarise(team: Team, kind: Kind, ids: Sequence[str], *, now: datetime) -> dict[str, Any]:
    """`{date_range, models}`: a model for each of the ids that is the team's, in their order."""
    known = set(for_team(kind.model, team).filter(pk__in=ids).values_list("pk", flat=True))
    wanted = [identifier for identifier in ids if identifier in known]
    end = now - timedelta(microseconds=now.microsecond) % _MS + _MS
    start = end - WINDOW
    models: list[dict[str, Any]] = [{"id": identifier} for identifier in wanted]
    for name, names in kind.measures.items():
        question = _question(team.id, kind, _RESOURCES[name], names, wanted, start=start, end=end)
        found = values_by_key(answer(question), question.measures) if wanted else {}
        empty = values_of_nothing(question.measures)
        for model in models:
            model[name] = dict(zip(names, found.get((1, (model["id"],)), empty), strict=True))
    newest = newest_evidence(kind, wanted, before=end)
    for model in models:
        model[kind.newest[2]] = iso(newest.get(model["id"]))
    return {"date_range": {"start": iso(start), "end": iso(end)}, "models": models}


def _question(
    team_id: str,
    kind: Kind,
    resource: Resource,
    names: Sequence[str],
    ids: list[str],
    *,
    start: datetime,
    end: datetime,
) -> Question:
    return Question(
        resource=resource,
        team_id=team_id,
        start=start,
        end=end,
        starts=[start],
        measures=tuple(resource.measures[name] for name in names),
        dimensions=(kind.column,),
        filters={kind.column: ids},
    )


def newest_evidence(kind: Kind, ids: Sequence[str], *, before: datetime) -> dict[str, datetime]:
    """Ordered by both columns, and compared as pairs: only the index that begins with the owner gives that. By the id
    alone Postgres may walk all evidence backwards, to its end when an owner has none."""
    table, prefix, _ = kind.newest
    pair = f"({kind.column}, id)"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.id, newest.id FROM unnest(%(ids)s::text[]) AS wanted (id) CROSS JOIN LATERAL ("
            f"SELECT id FROM {table} WHERE {pair} >= (wanted.id, %(first)s) AND {pair} < (wanted.id, %(after)s)"
            f" AND id >= %(first)s AND id < %(after)s ORDER BY {kind.column} DESC, id DESC LIMIT 1) AS newest",
            {
                "ids": list(ids),
                "first": first_id_at(prefix, before - LOOK_BACK),
                "after": first_id_at(prefix, before),
            },
        )
        return {identifier: time_of(newest) for identifier, newest in cursor.fetchall()}
