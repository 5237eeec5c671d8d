"""Every list, count and detail answers from an index, reads only the days of its range, and little of them.

One table of (list, parameters) drives the tests, and a filter that it lacks fails one. The evidence: seeded.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from events.evidence.filters import AttemptFilter, EventFilter, RequestFilter
from events.evidence.selectors import (
    count_branches,
    get_attempt,
    get_event,
    get_request,
    latest_input,
    list_attempts,
    list_events,
    list_ignored_events,
    list_requests,
)
from events.models import DeliveryJob, Event, Request
from events.storage.payloads import payload_of_event, read_payloads
from events.tests.explaining import Reading, explained
from events.tests.seeded import PER_DAY, History
from fasthook.api.filters import ListFilter
from fasthook.lib.clock import utc_now

# A page of 101 rows: each in a block of its own, a descent into each day's index, and some to spare.
PAGE_BLOCKS = 600
PAGE_ROWS = 1500
LISTS: dict[str, Callable[..., Any]] = {
    "requests": list_requests,
    "events": list_events,
    "ignored_events": list_ignored_events,
    "attempts": list_attempts,
}
FILTERS: dict[str, type[ListFilter]] = {"requests": RequestFilter, "events": EventFilter, "attempts": AttemptFilter}


# Every filter alone, with common and rare values, and the pairs that people ask for.
CASES: list[tuple[str, dict[str, str]]] = [
    ("requests", {}),
    ("requests", {"dir": "asc"}),
    ("requests", {"id": "{request}"}),
    *[("requests", {"source_id": text}) for text in ("{orders}", "{rare}", "{legacy}", "{rare},{orders}")],
    *[("requests", {"status": text}) for text in ("accepted", "rejected")],
    *[("requests", {"verified": text}) for text in ("true", "false")],
    *[("requests", {"rejection_cause": text}) for text in ("SOURCE_AUTH_FAILED", "PAYLOAD_TOO_LARGE")],
    ("requests", {"rejection_cause": "PAYLOAD_TOO_LARGE,SOURCE_DISABLED"}),
    *[("requests", {"is_retry": text}) for text in ("true", "false")],
    ("requests", {"batch_operation_id": "bch_1"}),
    *[("requests", {"q": text}) for text in ("{request}", "{event}")],
    *[
        ("requests", {"source_id": "{orders}", key: text})
        for key, text in (("status", "rejected"), ("verified", "false"))
    ],
    ("requests", {"source_id": "{audit}", "verified": "true"}),
    ("requests", {"source_id": "{rare}", "status": "rejected"}),
    ("events", {}),
    ("events", {"dir": "asc"}),
    ("events", {"include": "ignored"}),
    ("events", {"id": "{event}"}),
    ("events", {"request_id": "{request}"}),
    *[("events", {"source_id": text}) for text in ("{orders}", "{mail}", "{rare}", "{legacy}", "{rare},{audit}")],
    *[("events", {"connection_id": text}) for text in ("{orders-1}", "{rare-1}", "{forms-1}", "{audit-1},{mail-1}")],
    ("events", {"webhook_id": "{orders-1}"}),
    *[("events", {"destination_id": text}) for text in ("{to-warehouse}", "{to-rare-1}", "{to-rare-1},{to-audit-1}")],
    *[("events", {"status": text}) for text in ("SUCCESSFUL", "FAILED", "CANCELLED", "HOLD", "QUEUED", "SCHEDULED")],
    *[("events", {"status": text}) for text in ("FAILED,CANCELLED", "QUEUED,SCHEDULED,HOLD", "HOLD,FAILED,SUCCESSFUL")],
    *[("events", {"error_code": text}) for text in ("BAD_RESPONSE", "TIMEOUT", "OAUTH2_FAILED", "TIMEOUT,TLS_ERROR")],
    *[("events", {"response_status": text}) for text in ("200", "202", "500", "599", "404,418")],
    *[("events", {"ignored_cause": text}) for text in ("FILTERED", "DEDUPLICATED", "CONNECTION_DELETED")],
    ("events", {"batch_operation_id": "bch_1"}),
    *[("events", {"q": text}) for text in ("{event}", "{request}", "{attempt}")],
    *[
        ("events", {"connection_id": connection_id, "status": status})
        for connection_id in ("{orders-1}", "{support-1}", "{rare-1}", "{forms-1}")
        for status in ("FAILED", "HOLD", "CANCELLED", "QUEUED", "SUCCESSFUL", "QUEUED,SCHEDULED,HOLD")
    ],
    *[("events", {"source_id": text, "status": "FAILED"}) for text in ("{orders}", "{rare}")],
    *[
        ("events", {"destination_id": "{to-warehouse}", key: text})
        for key, text in (("status", "FAILED"), ("error_code", "TIMEOUT"))
    ],
    ("events", {"status": "FAILED", "error_code": "TIMEOUT"}),
    ("events", {"connection_id": "{support-1}", "response_status": "500"}),
    ("events", {"connection_id": "{orders-2}", "ignored_cause": "FILTERED"}),
    ("ignored_events", {"request_id": "{request}"}),
    ("attempts", {}),
    ("attempts", {"dir": "asc"}),
    ("attempts", {"id": "{attempt}"}),
    ("attempts", {"event_id": "{event}"}),
    *[("attempts", {"connection_id": text}) for text in ("{orders-1}", "{rare-1}", "{audit-1},{mail-1}")],
    ("attempts", {"webhook_id": "{orders-1}"}),
    *[("attempts", {"destination_id": text}) for text in ("{to-warehouse}", "{to-rare-1}")],
    *[("attempts", {"status": text}) for text in ("SUCCESSFUL", "FAILED")],
    *[("attempts", {"error_code": text}) for text in ("BAD_RESPONSE", "TIMEOUT", "OAUTH2_FAILED", "TIMEOUT,TLS_ERROR")],
    *[("attempts", {"response_status": text}) for text in ("200", "202", "500", "599")],
    ("attempts", {"batch_operation_id": "bch_1"}),
    *[("attempts", {"trigger": text}) for text in ("INITIAL", "AUTOMATIC", "MANUAL", "BULK_RETRY", "MANUAL,UNPAUSE")],
    *[("attempts", {"connection_id": text, "status": "FAILED"}) for text in ("{orders-1}", "{support-1}", "{rare-1}")],
    ("attempts", {"destination_id": "{to-warehouse}", "error_code": "TIMEOUT"}),
]


def read(history: History, resource: str, params: dict[str, str], *, counted: bool) -> list[Reading]:
    listing = LISTS[resource](history.team_id, history.fill(params), now=utc_now())
    with explained() as readings:
        if counted:
            listing.count()
        else:
            listing.page()
    return [reading for reading in readings if "COUNT(*)" in reading.statement] if counted else readings


@pytest.mark.parametrize(("resource", "params"), CASES, ids=str)
def test_a_first_page_reads_little_and_by_an_index(readable: History, resource: str, params: dict[str, str]) -> None:
    readings = [each for each in read(readable, resource, params, counted=False) if "COUNT(*)" not in each.statement]
    assert readings
    for reading in readings:
        assert reading.sequential == set(), reading.statement
    # A comma list is read value by value, a page of each.
    parts = max(1, sum(reading.reads_evidence for reading in readings))
    assert sum(reading.rows for reading in readings) <= PAGE_ROWS * parts
    assert sum(reading.blocks for reading in readings) <= PAGE_BLOCKS * parts


@pytest.mark.parametrize(("resource", "params"), CASES, ids=str)
def test_a_count_reads_what_it_counts_and_by_an_index(readable: History, resource: str, params: dict[str, str]) -> None:
    found, _ = LISTS[resource](readable.team_id, readable.fill(params), now=utc_now()).count()
    for reading in read(readable, resource, params, counted=True):
        # Where most rows count, reading them in the order in which they lie is as good as any index.
        assert reading.sequential == set() or found > PER_DAY, reading.statement
        # A bitmap and the heap under it both count a row, and ignored branches of a source are thrown away.
        assert reading.rows <= 3 * found + PAGE_ROWS, reading.statement


@pytest.mark.parametrize("resource", FILTERS)
def test_every_filter_is_in_the_table(resource: str) -> None:
    asked = {name for name_of_list, params in CASES if name_of_list == resource for name in params}
    assert set(FILTERS[resource].base_filters) - asked == set()


@pytest.mark.parametrize("resource", ["requests", "events", "attempts"])
def test_only_the_days_of_the_range_are_read(readable: History, resource: str) -> None:
    day = (utc_now() - timedelta(days=3)).strftime("%Y-%m-%d")
    params = {"from": f"{day}T00:00:00Z", "to": f"{day}T23:00:00Z"}
    for counted in (False, True):
        readings = read(readable, resource, params, counted=counted)
        assert {name for reading in readings for name in reading.partitions} == {f"{resource}_{day.replace('-', '')}"}


def test_a_page_in_the_middle_reads_no_more_than_the_first(readable: History) -> None:
    now = utc_now()
    params = readable.fill({"connection_id": "{orders-1}", "limit": "100"})
    for _ in range(10):
        page = list_events(readable.team_id, params, now=now).page()
        params["next"] = page.next or ""
        params.pop("cursor", None)
    with explained() as readings:
        list_events(readable.team_id, params, now=now).page()
    first = next(each for each in readings if each.reads_evidence)
    assert (first.sequential, first.rows <= PAGE_ROWS, first.blocks <= PAGE_BLOCKS) == (set(), True, True)


def test_details_read_one_day_by_its_key(readable: History) -> None:
    names, team_id = readable.names, readable.team_id
    for read_one, name in ((get_request, "request"), (get_event, "event"), (get_attempt, "attempt")):
        with explained() as readings:
            read_one(team_id, names[name])  # type: ignore[operator]
        (reading,) = readings
        assert len(reading.partitions) == 1
        assert (reading.sequential, reading.rows) == (set(), 1)


def test_payloads_counts_and_latest_input_read_by_an_index(readable: History) -> None:
    ids = list(Request.objects.filter(team_id=readable.team_id).order_by("-id").values_list("id", flat=True)[:100])
    event = Event.objects.get(id=readable.names["event"])
    for read_some, most_rows in (
        (lambda: count_branches(ids), 400),
        (lambda: read_payloads(ids, page_limit=100), 100),
        (lambda: payload_of_event(event), 1),
        (lambda: latest_input(readable.team_id, readable.names["legacy-1"]), PAGE_ROWS),
    ):
        with explained() as readings:
            read_some()  # type: ignore[no-untyped-call]
        for reading in readings:
            if reading.reads_evidence:
                assert reading.sequential == set(), reading.statement
                assert reading.rows <= most_rows, reading.statement


def test_waiting_events_are_found_by_their_jobs(readable: History) -> None:
    """However rare they are: the events of all other days are not looked at."""
    event = Event.objects.filter(team_id=readable.team_id, status="SUCCESSFUL").order_by("id").first()
    assert event is not None
    Event.objects.filter(id=event.id).update(status="QUEUED")
    DeliveryJob.objects.create(
        event_id=event.id,
        team_id=event.team_id,
        rank=1,
        due_at=event.created_at,
        attempt_number=1,
        body_size=0,
        trigger="MANUAL",
        request_id=event.request_id,
        source_id=event.source_id,
        connection_id=event.connection_id,
        destination_id=event.destination_id,
    )
    listing = list_events(readable.team_id, {"status": "QUEUED"}, now=utc_now())
    with explained() as readings:
        assert [row.id for row in listing.page().rows] == [event.id]
    assert sum(reading.rows for reading in readings) < 10
    assert all(len(reading.partitions) <= 1 for reading in readings)
