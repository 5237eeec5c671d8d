"""Claims, records, reconciliation and the tick beside 200,000 waiting jobs and days of evidence: what they read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from connections.models import Connection
from destinations.models import Destination
from events import housekeeping
from events.delivery.claims import claim_due_jobs, release_jobs
from events.delivery.jobs import AttemptResult, ClaimRequest
from events.delivery.leases import release_destination_leases, renew_destination_leases, renew_job_leases
from events.delivery.results import finish_attempts
from events.housekeeping import nudge_due_stages
from events.lifecycle import reconcile
from events.routing.claims import SQL as CLAIMS
from events.routing.evaluate import SQL as EVALUATE
from events.tests.explaining import ExplainingCursor, Reading, explained
from events.tests.seeded import History
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import new_id

JOBS = 200_000
LIMIT = 250
# As the data plane's own connections are set up (fasthook/lib/sql.py).
_SETTINGS = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off
"""
# As autovacuum leaves them when it comes by while there is nothing to do.
_BELIEVED_EMPTY = """
SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', relname, 'relpages', 3, 'reltuples', 0::real)
FROM unnest(ARRAY['delivery_job', 'route_job', 'destination_lease']) AS queue (relname)
"""
# Jobs of events that are there, and as many more of the same queues as it takes.
_ADD_JOBS = """
INSERT INTO delivery_job (
    event_id, team_id, request_id, source_id, connection_id, destination_id, rank, due_at, attempt_number, trigger,
    body_size
)
SELECT CASE WHEN copy = 0 THEN id ELSE overlay(id PLACING lpad(copy::text, 4, '0') FROM 26) END, team_id, request_id,
    source_id, connection_id, destination_id, 1, now() - interval '1 minute', 1, 'INITIAL', 100
FROM events CROSS JOIN generate_series(0, 9) AS copy
WHERE attempts > 0
LIMIT %s
"""


@pytest.fixture
def backlog(readable: History) -> History:
    with connection.cursor() as cursor:
        cursor.execute(_ADD_JOBS, [JOBS])
        assert cursor.rowcount == JOBS
        cursor.execute("ANALYZE delivery_job, connections_connection, destinations_destination, destination_lease")
    return readable


@pytest.fixture
def explaining(readable: History) -> Iterator[list[Reading]]:
    """As the data plane's own connections read."""
    raw = connection.connection
    raw.execute(_SETTINGS)
    ordinary, raw.cursor_factory = raw.cursor_factory, ExplainingCursor
    ExplainingCursor.readings.clear()
    try:
        yield ExplainingCursor.readings
    finally:
        raw.cursor_factory = ordinary


@pytest.fixture(params=["analyzed", "believed empty"])
def believed(request: pytest.FixtureRequest, explaining: list[Reading]) -> str:
    if request.param == "believed empty":
        connection.connection.execute(_BELIEVED_EMPTY)
        explaining.clear()
    return str(request.param)


def claim(backlog: History) -> Any:
    request = ClaimRequest(
        worker=uuid4(), limit=LIMIT, bulk_limit=LIMIT, max_bytes=10**9, room=LIMIT, rooms={}, lease_s=15.0
    )
    return request.worker, claim_due_jobs(connection.connection, request).jobs


def test_a_claim_reads_what_its_lanes_have_room_for_and_not_the_backlog(
    backlog: History, explaining: list[Reading], believed: str
) -> None:
    _, jobs = claim(backlog)
    assert len(jobs) == LIMIT
    (reading,) = explaining
    assert (reading.sequential, reading.evidence_rows <= LIMIT) == (set(), True)
    # Per queue its room of jobs, each with its connection; then the chosen ones, which are locked and updated.
    queues = Destination.objects.count()
    assert reading.rows <= queues * 4 * LIMIT + 10 * LIMIT < JOBS / 4


def test_a_claim_from_a_queue_that_filled_up_since_it_was_looked_at_reads_it_once(
    readable: History, explaining: list[Reading]
) -> None:
    count = 5_000
    connection.connection.execute(_ADD_JOBS, [count])
    connection.connection.execute(_BELIEVED_EMPTY)
    explaining.clear()
    _, jobs = claim(readable)
    assert len(jobs) == LIMIT
    (reading,) = explaining
    # A few for each job, where a join by id would read the queue again for each that is taken.
    assert reading.rows <= 10 * count < LIMIT * count / 10


def test_recording_and_leases_touch_their_own_rows(backlog: History, explaining: list[Reading], believed: str) -> None:
    worker, jobs = claim(backlog)
    explaining.clear()
    results = [
        AttemptResult(
            job, new_id("att"), "FAILED", 500, "BAD_RESPONSE", "it failed", "https://example.com/", "POST", {}, {}, "",
            5, utc_now(), utc_now() if number % 2 else None,
        )
        for number, job in enumerate(jobs)
    ]  # fmt: skip
    raw = connection.connection
    renew_job_leases(raw, jobs, lease_s=15.0)
    renew_destination_leases(raw, worker, [job.destination_id for job in jobs])
    assert len(finish_attempts(raw, results)) == LIMIT
    release_jobs(raw, jobs)
    release_destination_leases(raw, worker)
    assert len(explaining) == 5
    for reading in explaining:
        assert reading.sequential <= {"destination_lease"}, reading.statement
        assert reading.rows <= 10 * LIMIT, reading.statement
        assert reading.evidence_rows <= LIMIT


@pytest.mark.parametrize("name", ["orders-1", "forms-1"])
# Of a deleted one, what waits and what is held have a page each.
@pytest.mark.parametrize(("state", "pages"), [("paused_at", 1), ("deleted_at", 2)])
def test_reconciling_a_connection_reads_evidence_by_key(backlog: History, name: str, state: str, pages: int) -> None:
    at = utc_now()
    identifier = backlog.names[name]
    Connection.objects.filter(id=identifier).update(**{"paused_at": None, state: at, "reconcile_requested_at": at})
    with explained() as readings:
        moved = reconcile._reconcile_connection(identifier)
    assert 0 < moved <= pages * reconcile.PAGE
    check_reconciling(readings, most_jobs=JOBS)


def test_unpausing_reads_held_events_alone(backlog: History) -> None:
    identifier = backlog.names["forms-1"]
    Connection.objects.filter(id=identifier).update(paused_at=None, reconcile_requested_at=utc_now())
    with explained() as readings:
        moved = reconcile._reconcile_connection(identifier)
    assert 0 < moved <= reconcile.PAGE
    check_reconciling(readings, most_jobs=10)


def test_reconciling_a_destination_reads_evidence_by_key(backlog: History) -> None:
    identifier = backlog.names["to-warehouse"]
    Destination.objects.filter(id=identifier).update(disabled_at=utc_now(), reconcile_requested_at=utc_now())
    with explained() as readings:
        assert reconcile._reconcile_destination(identifier) == reconcile.PAGE
    # Its jobs are in an index of their own.
    check_reconciling(readings, most_jobs=2 * reconcile.PAGE)


def check_reconciling(readings: list[Reading], *, most_jobs: int) -> None:
    for reading in readings:
        assert not any(table.startswith(("events_", "requests_")) for table in reading.sequential), reading.statement
        assert reading.evidence_rows <= 2 * reconcile.PAGE, reading.statement
        assert reading.rows <= most_jobs + 8 * reconcile.PAGE, reading.statement


def test_the_tick_reads_a_row_or_two(backlog: History, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(housekeeping, "insist", woken.append)
    with explained() as readings:
        nudge_due_stages()
    assert woken == ["deliver"]
    (reading,) = readings
    assert (reading.evidence_rows, reading.rows <= 100) == (0, True)


def test_routing_reads_its_batch(backlog: History, explaining: list[Reading], believed: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO route_job (request_id, source_id, body_size, due_at)"
            " SELECT id, source_id, 100, now() - interval '1 minute' FROM requests"
            " ON CONFLICT DO NOTHING"
        )
        assert cursor.rowcount > 10_000
        if believed == "analyzed":
            cursor.execute("ANALYZE route_job")
    explaining.clear()
    raw, token = connection.connection, uuid4()
    claimed = raw.execute(
        CLAIMS["claim_route_jobs"], {"slow": False, "limit": LIMIT, "bytes": 10**9, "lease_s": 10.0, "token": token}
    )
    ids = [row[0] for row in claimed.fetchall()]
    raw.execute(EVALUATE["read_payloads"], {"ids": ids})
    raw.execute(CLAIMS["finish_route_jobs"], {"ids": ids, "token": token})
    assert len(ids) == LIMIT
    for reading in explaining:
        assert reading.sequential == set(), reading.statement
        assert reading.rows <= 6 * LIMIT, reading.statement


def test_a_retention_drop_finds_what_waits_by_key(backlog: History) -> None:
    from events.storage.retention import _end_waiting
    from fasthook.lib.ids import first_id_at

    with explained() as readings:
        _end_waiting(before=first_id_at("evt", utc_now() - timedelta(days=30)))
    for reading in readings:
        assert (reading.evidence_rows, reading.rows <= 20) == (0, True), reading.statement
