"""A trace of many branches or attempts comes in pages, cut with notes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from events.evidence.timeline.reading import read_evidence
from events.tests.explaining import explained
from events.tests.seed import Project, make_request
from events.tests.tracing import fan, trace
from fasthook.lib.clock import iso, utc_now
from fasthook.testing import ApiCaller


def test_branches_come_in_pages_and_what_belongs_to_the_request_on_the_first(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    request_id = fan(team, then, branches=5, attempts=1)
    first = trace(api, request_id, limit=3)
    assert (first["count"], first["total"], first["pagination"]["dir"]) == (3, 5, "asc")
    assert first["notes"] == ["3 of 5 branches are on this page; pagination.next leads to the next"]
    assert trace(api, request_id, limit=1)["notes"][0].startswith("1 of 5 branches is on this page;")
    second = trace(api, request_id, limit=3, next=first["pagination"]["next"])
    assert {entry["kind"] for entry in second["timeline"]} == {"branch", "attempt"}
    ids = [branch["event_id"] for branch in (*first["branches"], *second["branches"])]
    assert (len(ids), ids) == (5, sorted(ids))
    back = trace(api, request_id, limit=3, prev=second["pagination"]["prev"])
    assert back["timeline"] == first["timeline"]


def test_attempts_beyond_the_bound_are_cut_with_a_note(api: ApiCaller, team: Project, then: datetime) -> None:
    request_id = fan(team, then, branches=1, attempts=201)
    found = trace(api, request_id)
    (branch,) = found["branches"]
    assert (branch["attempts"], branch["attempts_shown"]) == (201, 200)
    attempts = [entry["at"] for entry in found["timeline"] if entry["kind"] == "attempt"]
    assert (len(attempts), attempts[0]) == (200, iso(then + timedelta(seconds=1)))
    assert found["notes"] == [
        f"{branch['event_id']}: the latest 200 of 201 attempts are shown; "
        f"all are at /v1/attempts?event_id={branch['event_id']}"
    ]


def test_the_number_of_statements_does_not_grow_with_the_branches(team: Project, then: datetime) -> None:
    counts = []
    for branches in (1, 30):
        request_id = fan(team, then, branches=branches, attempts=2)
        with explained() as readings:
            read_evidence(team.team.id, request_id, {"limit": "50"}, now=utc_now())
        counts.append(len(readings))
    assert counts[0] == counts[1] <= 14


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "next=x", "dir=desc", "q=1"])
def test_parameters_that_make_no_sense_are_refused(api: ApiCaller, team: Project, now: datetime, query: str) -> None:
    row = make_request(team, now)
    answer = api.get(f"/v1/requests/{row.id}/trace?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
    assert query.partition("=")[0] in str(answer.json()["fields"]) or "cursor" in str(answer.json()["fields"])


def test_another_teams_request_has_no_trace(api: ApiCaller, other_team: Project, now: datetime) -> None:
    row = make_request(other_team, now)
    for identifier in (row.id, "req_x", "evt_00000000000000000000000000"):
        answer = api.get(f"/v1/requests/{identifier}/trace")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
