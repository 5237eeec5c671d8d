"""The search term of lists: where it is looked for, what counts as the same text, and that reading stays bounded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import BooleanField, Func, QuerySet, Value

from events.evidence import bounded_reads, selectors
from events.models import EventPayload
from events.tests.explaining import explained
from events.tests.seed import Project, id_at, make_attempt, make_event, make_request
from events.tests.seeded import History
from events.tests.writing import write
from fasthook.lib.clock import iso, utc_now
from fasthook.testing import ApiCaller

MINUTE = timedelta(minutes=1)


@pytest.fixture
def at(now: datetime) -> datetime:
    return now - timedelta(hours=1)


def found(api: ApiCaller, resource: str, text: str, **params: str) -> list[str]:
    answer = api.http.get(f"/v1/{resource}", {"q": text, **params}, headers=api.headers)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["models"]]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"path": "/orders/77"}, "orders/77"),
        ({"query": "token=AbC"}, "abc"),
        ({"headers": [["x-shop", 'the "Blue" one']]}, '"blue"'),
        ({"body": b'{"kind": "Refund"}'}, "refund"),
        ({"body": '{"city": "Zürich"}'.encode()}, "Zürich"),
        ({"body": b"\x00\xff\\d and more"}, "\\d AND"),
        ({"status": "rejected", "rejection_cause": "SOURCE_AUTH_FAILED"}, "auth_failed"),
        ({"client_ip": "198.51.100.7"}, "198.51.100.7"),
    ],
)
def test_a_request_is_found_by_what_it_says(
    api: ApiCaller, team: Project, at: datetime, values: dict[str, Any], text: str
) -> None:
    make_request(team, at, path="/other", client_ip="203.0.113.1")
    request = make_request(team, at, **values)
    assert found(api, "requests", text) == [request.id]
    event = make_event(request, team, at)
    make_event(make_request(team, at), team, at)
    if "client_ip" not in values and "status" not in values:
        assert found(api, "events", text) == [event.id]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"error_code": "TIMEOUT"}, "timeout"),
        ({"error_message": "no answer within 30 s"}, "within 30"),
        ({"body": "<h1>Bad Gateway</h1>"}, "bad gateway"),
    ],
)
def test_an_event_is_found_by_what_any_of_its_attempts_came_to(
    api: ApiCaller, team: Project, at: datetime, values: dict[str, Any], text: str
) -> None:
    request = make_request(team, at)
    event = make_event(request, team, at, status="SUCCESSFUL", attempts=2, successful_at=at)
    make_attempt(event, at, status="FAILED", delivered_at=None, **values)
    make_attempt(event, at + MINUTE, attempt_number=2)
    make_event(request, team, at)
    assert found(api, "events", text) == [event.id]
    assert found(api, "requests", text) == []


def test_an_event_is_found_by_why_it_failed_and_by_what_its_transformation_made(
    api: ApiCaller, team: Project, at: datetime
) -> None:
    failed = make_event(
        make_request(team, at), team, at, status="FAILED", failure_message="TRANSFORMATION_FAILED: Oops"
    )
    changed = make_event(make_request(team, at, body=b"before"), team, at, has_payload=True)
    write([EventPayload(id=changed.id, method="POST", path="", query="", headers=[], body=b"after")])
    assert found(api, "events", "failed: oops") == [failed.id]
    assert found(api, "events", "AFTER") == [changed.id]
    assert found(api, "events", "before") == [changed.id]


def test_an_id_is_looked_for_as_an_id_alone(api: ApiCaller, team: Project, at: datetime) -> None:
    request = make_request(team, at)
    event = make_event(request, team, at, batch_operation_id="bch_" + request.id[4:], attempts=1)
    attempt = make_attempt(event, at)
    replayed = make_request(team, at, retry_parent_request_id=request.id)
    make_event(make_request(team, at, body=request.id.encode()), team, at)
    for identifier in (event.id, request.id, attempt.id, event.batch_operation_id):
        assert found(api, "events", str(identifier)) == [event.id]
    assert sorted(found(api, "requests", request.id)) == sorted([request.id, replayed.id])
    assert found(api, "requests", event.id) == [request.id]
    for identifier in (team.source.id, team.connection.id, team.destination.id):
        assert len(found(api, "events", identifier)) == 2


@pytest.mark.usefixtures("shifted_clock")
def test_an_id_of_long_ago_needs_no_range(api: ApiCaller, team: Project, now: datetime) -> None:
    long_ago = now.replace(microsecond=0) - timedelta(days=40)
    for resource in ("requests", "events"):
        answer = api.get(f"/v1/{resource}?q={id_at('req', long_ago)}").json()
        assert answer["applied_range"]["from"] == iso(long_ago - timedelta(hours=1))


def test_a_search_obeys_the_other_filters_and_the_team(
    api: ApiCaller, team: Project, other_team: Project, at: datetime
) -> None:
    make_event(make_request(other_team, at, body=b"needle"), other_team, at)
    request = make_request(team, at, body=b"needle")
    failed = make_event(request, team, at, status="FAILED")
    make_event(request, team, at, status="CANCELLED")
    assert found(api, "events", "needle", status="FAILED") == [failed.id]
    assert found(api, "events", "needle", status="FAILED", to="now-2h") == []
    assert api.get("/v1/events/count?q=needle&status=FAILED").json()["count"] == 1
    assert found(api, "events", "") == found(api, "events", "needle")


@pytest.mark.parametrize(
    ("text", "fault"),
    [("a" * 201, "q: must not be longer than 200 characters"), ("a%00b", "q: must not hold a null character")],
)
def test_a_term_that_cannot_be_looked_for_is_refused(api: ApiCaller, text: str, fault: str) -> None:
    answer = api.get(f"/v1/events?q={text}")
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["q"])
    assert answer.json()["error"] == fault


def test_a_page_is_answered_though_counting_the_rest_takes_too_long(
    api: ApiCaller, team: Project, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make_request(team, at, body=b"needle")
    original = bounded_reads.count_rows

    def count_rows(*parts: QuerySet[Any]) -> int:
        nap = Func(Value(10), template="pg_sleep(%(expressions)s) IS NULL", output_field=BooleanField())
        return original(*(part.filter(nap) for part in parts))

    monkeypatch.setattr(bounded_reads, "count_rows", count_rows)
    monkeypatch.setattr(bounded_reads, "MAX_SEARCH_COUNT_S", 0.2)
    answer = api.get("/v1/requests?q=needle&limit=2").json()
    assert (answer["count"], answer["total"], answer["total_exact"]) == (2, 2, False)
    assert answer["pagination"]["next"] is not None


@pytest.mark.parametrize("text", ["needle in no payload", "{event}", "{request}", "{attempt}"])
def test_a_search_reads_evidence_by_its_keys_alone(readable: History, text: str) -> None:
    now = utc_now()
    params = {"q": text.format_map(readable.names), "from": "now-3d", "to": "now-60h"}
    for lister in (selectors.list_events, selectors.list_requests):
        with explained() as readings:
            lister(readable.team_id, params, now=now).page()
        for reading in readings:
            # Of a day, reading all events in their order is what a search is; their requests come by key.
            assert not {name for name in reading.sequential if name.startswith(("attempts", "event_payloads"))}
