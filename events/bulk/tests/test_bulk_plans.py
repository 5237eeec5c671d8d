"""Pages of bulk operations find their rows by an index and look at their own rows by key. The evidence: seeded.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from events.bulk import pages
from events.bulk.census import take_census
from events.bulk.filters import EventBulkInput, RequestBulkInput, read_filter
from events.bulk.selection import EVENTS, REQUESTS, Selection, about_text, read_candidates, select, still_matching
from events.tests.explaining import Reading, explained
from events.tests.seeded import History
from fasthook.lib.clock import iso, utc_now

CASES: list[dict[str, Any]] = [
    {},
    {"status": "FAILED"},
    {"connection_id": "{support-1}"},
    {"source_id": "{orders}", "status": "FAILED"},
    {"destination_id": "{to-warehouse}"},
    {"error_code": "TIMEOUT", "status": "FAILED"},
    {"type": "event_bulk_cancel"},
    {"type": "event_bulk_cancel", "connection_id": "{forms-1}"},
    {"requests": True},
    {"requests": True, "source_id": "{orders}"},
    {"requests": True, "status": "rejected"},
]


def selection_of(history: History, case: dict[str, Any]) -> Selection:
    given = {name: text.format_map(history.names) for name, text in case.items() if isinstance(text, str)}
    reader = RequestBulkInput if case.get("requests") else EventBulkInput
    kind, params = read_filter(reader, {"from": "now-30d", **given})
    return select(kind, history.team_id, params, now=utc_now())


def read_page(selection: Selection, after: str) -> tuple[list[str], list[Reading]]:
    with explained() as readings:
        pages._read_by_index()
        ids = read_candidates(selection, after=after)
    return ids, readings


@pytest.mark.parametrize("case", CASES, ids=str)
def test_candidates_are_read_in_the_order_of_an_index(readable: History, case: dict[str, Any]) -> None:
    selection = selection_of(readable, case)
    size = REQUESTS if case.get("requests") else EVENTS
    after = ""
    for _ in range(2):
        ids, readings = read_page(selection, after)
        assert ids == sorted(set(ids))
        for reading in readings:
            assert not {name for name in reading.sequential if name.startswith(("events", "requests"))}
            assert reading.evidence_rows <= 2 * size + 100, reading.statement
        after = ids[-1] if ids else after


def test_a_page_of_every_kind_finds_something(readable: History) -> None:
    for case in ({}, {"requests": True}, {"type": "event_bulk_cancel"}):
        assert read_candidates(selection_of(readable, case), after="")


@pytest.mark.parametrize("case", [{}, {"type": "event_bulk_cancel"}, {"q": "no such text"}], ids=str)
def test_a_page_is_looked_at_again_by_its_keys(readable: History, case: dict[str, Any]) -> None:
    selection = selection_of(readable, case)
    ids = read_candidates(selection, after="")[:300]
    for look in (still_matching, about_text):
        with explained() as readings:
            pages._read_by_index()
            found = look(selection, ids)
        assert set(found) <= set(ids)
        for reading in readings:
            assert reading.sequential == set()
            assert reading.evidence_rows <= 6 * len(ids) + 100, reading.statement


def test_only_the_days_of_the_range_are_counted(readable: History) -> None:
    day = (utc_now() - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    kind, params = read_filter(
        EventBulkInput, {"from": iso(day), "to": iso(day + timedelta(hours=23)), "status": "FAILED"}
    )
    with explained() as readings:
        census = take_census(select(kind, readable.team_id, params, now=utc_now()))
    assert census.total > 0
    assert {name for reading in readings for name in reading.partitions} == {f"events_{day:%Y%m%d}"}
