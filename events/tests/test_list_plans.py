"""Every list answers from an index and reads only the partitions of its range."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connections.models import Connection
from events.models import Attempt, Event, Request
from events.partitions import ensure_partitions
from events.selectors import (
    count_branches,
    latest_input,
    list_attempts,
    list_events,
    list_ignored_events,
    list_requests,
)
from events.tests.seed import Project, build_attempt, build_event, build_request

DAYS = 4
PER_DAY = 600
LISTS: dict[str, Callable[..., Any]] = {
    "requests": list_requests,
    "events": list_events,
    "ignored_events": list_ignored_events,
    "attempts": list_attempts,
}


@dataclass
class Scans:
    """What a statement reads of the evidence tables."""

    sequential: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    partitions: set[str] = field(default_factory=set)


def scans_of(statement: str) -> Scans:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement)
        plan = cursor.fetchone()[0]
    found = Scans()
    for node in nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]):
        table = node.get("Relation Name", "")
        if table.startswith(("requests_", "events_", "attempts_")):
            found.partitions.add(table)
            # Where a day has few rows, or none yet, there is nothing that an index would spare.
            if node["Node Type"] == "Seq Scan" and rows_in(table) > PER_DAY // 2:
                found.sequential.add(table)
        if "Index Name" in node:
            found.indexes.add(node["Index Name"])
    return found


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::int FROM pg_class WHERE relname = %s", [table])
        return int(cursor.fetchone()[0])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def statements(read: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        read()
    tables = ('FROM "requests"', 'FROM "events"', 'FROM "attempts"')
    return [query["sql"] for query in captured if any(table in query["sql"] for table in tables)]


@pytest.fixture
def evidence(team: Project, other_team: Project, now: datetime) -> tuple[str, str]:
    """Four days; nineteen of twenty rows are the other team's. The ids of one request and one event of `team`."""
    ensure_partitions(now=now, days_back=DAYS)
    busy = Connection.objects.create(team=team.team, name="c", source=team.source, destination=team.destination)
    requests, events, attempts = [], [], []
    for number in range(DAYS * PER_DAY):
        owner = team if number % 20 == 0 else other_team
        at = now - timedelta(days=number / PER_DAY, seconds=1)
        rejected = number % 50 == 1
        request = build_request(
            owner,
            at,
            status="rejected" if rejected else "accepted",
            rejection_cause="SOURCE_AUTH_FAILED" if rejected else None,
        )
        status = "FAILED" if number % 30 == 0 else "HOLD" if number % 47 == 0 else "QUEUED"
        event = build_event(request, owner, at, status=status)
        if owner is team and number % 40 == 0:
            event.connection_id = busy.id
        requests.append(request)
        events.append(event)
        attempts.append(build_attempt(event, at))
    Request.objects.bulk_create(requests)
    Event.objects.bulk_create(events)
    Attempt.objects.bulk_create(attempts)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE requests, events, attempts")
    return requests[20].id, events[20].id


def test_every_filter_answers_from_an_index(
    team: Project, other_team: Project, now: datetime, evidence: tuple[str, str]
) -> None:
    request_id, event_id = evidence
    asked = [
        ("requests", {}),
        ("requests", {"source_id": team.source.id}),
        ("requests", {"source_id": f"{team.source.id},src_2"}),
        ("requests", {"status": "rejected"}),
        ("requests", {"status": "accepted"}),
        ("requests", {"rejection_cause": "SOURCE_AUTH_FAILED"}),
        ("requests", {"verified": "true"}),
        ("requests", {"is_retry": "true"}),
        ("requests", {"batch_operation_id": "bch_1"}),
        ("requests", {"id": request_id}),
        ("events", {}),
        ("events", {"include": "ignored"}),
        ("events", {"source_id": team.source.id}),
        ("events", {"connection_id": team.connection.id}),
        ("events", {"destination_id": team.destination.id}),
        ("events", {"request_id": request_id}),
        ("events", {"status": "FAILED"}),
        ("events", {"status": "HOLD"}),
        ("events", {"status": "HOLD", "connection_id": team.connection.id}),
        ("events", {"status": "FAILED,CANCELLED"}),
        ("events", {"error_code": "TIMEOUT"}),
        ("events", {"response_status": "500"}),
        ("events", {"batch_operation_id": "bch_1"}),
        ("events", {"ignored_cause": "FILTERED"}),
        ("events", {"id": event_id}),
        ("ignored_events", {"request_id": request_id}),
        ("attempts", {}),
        ("attempts", {"event_id": event_id}),
        ("attempts", {"connection_id": team.connection.id}),
        ("attempts", {"destination_id": team.destination.id}),
        ("attempts", {"status": "FAILED"}),
        ("attempts", {"error_code": "TIMEOUT"}),
        ("attempts", {"trigger": "MANUAL"}),
    ]
    for resource, params in asked:
        listing = LISTS[resource](team.team.id, params, now=now)
        read = [*statements(listing.page), *statements(listing.count)]
        assert len(read) >= 2
        for statement in read:
            assert scans_of(statement).sequential == set(), (resource, params, statement)


@pytest.mark.parametrize(
    ("resource", "params", "index"),
    [
        ("requests", {"status": "rejected"}, "team_id_id_idx1"),
        ("events", {"status": "FAILED"}, "team_id_id_idx1"),
    ],
)
def test_what_is_rare_has_its_own_index(
    team: Project, other_team: Project, now: datetime, evidence: tuple[str, str], resource: str, params: Any, index: str
) -> None:
    page, *_ = statements(lambda: LISTS[resource](other_team.team.id, params, now=now).page())
    assert {name.partition("_")[2].partition("_")[2] for name in scans_of(page).indexes} == {index}


@pytest.mark.parametrize("resource", ["requests", "events", "attempts"])
def test_only_the_partitions_of_the_range_are_read(
    team: Project, other_team: Project, now: datetime, evidence: tuple[str, str], resource: str
) -> None:
    day = (now - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    params = {"from": day.isoformat(), "to": (day + timedelta(hours=23)).isoformat()}
    for statement in statements(lambda: LISTS[resource](team.team.id, params, now=now).page()):
        assert scans_of(statement).partitions == {f"{resource}_{day:%Y%m%d}"}


def test_counts_and_latest_input_answer_from_an_index(
    team: Project, other_team: Project, now: datetime, evidence: tuple[str, str]
) -> None:
    ids = list(Request.objects.filter(team_id=team.team.id).order_by("-id").values_list("id", flat=True)[:3])
    (counts,) = statements(lambda: count_branches(ids))
    (latest,) = statements(lambda: latest_input(team.team.id, team.connection.id))
    assert scans_of(counts).sequential == set()
    assert scans_of(latest).sequential == set()
    oldest_day = (now - timedelta(days=3)).strftime("%Y%m%d")
    assert all(name[-8:] > oldest_day for name in scans_of(counts).partitions)
