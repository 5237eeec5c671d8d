from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connections.models import Connection
from events.models import DeliveryJob
from events.tests.seed import Project, make_attempt, make_event, make_request
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller

MINUTE = timedelta(minutes=1)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [model["id"] for model in answer.json()["models"]]


def test_an_event_has_the_shape_of_the_api(api: ApiCaller, team: Project, other_team: Project, now: datetime) -> None:
    row = make_request(team, now)
    event = make_event(
        row,
        team,
        now,
        status="FAILED",
        attempts=2,
        response_status=503,
        error_code="BAD_RESPONSE",
        failure_message="the destination answered 503",
        next_attempt_at=now + MINUTE,
        last_attempt_at=now,
    )
    make_event(make_request(other_team, now), other_team, now)
    expected = {
        "id": event.id,
        "team_id": team.team.id,
        "request_id": row.id,
        "source_id": team.source.id,
        "connection_id": team.connection.id,
        "webhook_id": team.connection.id,
        "destination_id": team.destination.id,
        "status": "FAILED",
        "attempts": 2,
        "response_status": 503,
        "error_code": "BAD_RESPONSE",
        "failure_message": "the destination answered 503",
        "ignored_cause": None,
        "next_attempt_at": iso(now + MINUTE),
        "last_attempt_at": iso(now),
        "successful_at": None,
        "batch_operation_id": None,
        "transformed": False,
        "created_at": iso(time_of(event.id)),
        "updated_at": iso(now),
    }
    assert api.get("/v1/events").json()["models"] == [expected]
    detail = api.get(f"/v1/events/{event.id}").json()
    assert detail.pop("data")["body"] == {"id": 1}
    assert detail == expected


def test_an_event_shows_the_data_of_its_request(api: ApiCaller, team: Project, now: datetime) -> None:
    row = make_request(team, now, path="/a", body=b"plain")
    make_event(row, team, now)
    data = api.get("/v1/events?include=data").json()["models"][0]["data"]
    assert (data["path"], data["body"], data["body_encoding"]) == ("/a", "plain", "text")


def test_an_event_outlives_the_data_of_its_request(api: ApiCaller, team: Project, now: datetime) -> None:
    row = make_request(team, now)
    event = make_event(row, team, now)
    row.delete()
    assert api.get("/v1/events?include=data").json()["models"][0]["data"] is None
    assert api.get(f"/v1/events/{event.id}").json()["data"] is None
    gone = api.get(f"/v1/events/{event.id}/raw_body")
    assert (gone.status_code, gone.json()["code"]) == (404, "BODY_NOT_STORED")


def test_filters_narrow_the_list(api: ApiCaller, team: Project, other_team: Project, now: datetime) -> None:
    second = Connection.objects.create(
        team=team.team, name="second", source=team.source, destination=team.destination, deleted_at=now
    )
    row, another = make_request(team, now), make_request(team, now)
    queued = make_event(row, team, now - 5 * MINUTE)
    failed = make_event(
        row,
        team,
        now - 4 * MINUTE,
        status="FAILED",
        error_code="BAD_RESPONSE",
        response_status=500,
        connection_id=second.id,
    )
    timed_out = make_event(another, team, now - 3 * MINUTE, status="FAILED", error_code="TIMEOUT")
    held = make_event(another, team, now - 2 * MINUTE, status="HOLD", batch_operation_id="bch_1")
    cancelled = make_event(
        another, team, now - MINUTE, status="CANCELLED", ignored_cause="CONNECTION_DISABLED", destination_id="des_2"
    )
    make_event(make_request(other_team, now), other_team, now, status="FAILED", error_code="TIMEOUT")

    everything = [cancelled, held, timed_out, failed, queued]
    for query, expected in {
        "": everything,
        "status=FAILED": [timed_out, failed],
        "status=FAILED,CANCELLED": [cancelled, timed_out, failed],
        "error_code=TIMEOUT": [timed_out],
        "error_code=TIMEOUT,BAD_RESPONSE&dir=asc": [failed, timed_out],
        "response_status=500,502": [failed],
        f"connection_id={team.connection.id}": [cancelled, held, timed_out, queued],
        f"webhook_id={second.id}": [failed],
        f"connection_id={second.id},{team.connection.id}": everything,
        f"source_id={team.source.id}": everything,
        f"source_id={other_team.source.id}": [],
        "source_id=src_unknown": [],
        "destination_id=des_2": [cancelled],
        f"request_id={row.id}": [failed, queued],
        f"request_id={row.id},{another.id}&status=HOLD": [held],
        "request_id=nonsense": [],
        "batch_operation_id=bch_1": [held],
        f"id={held.id},{queued.id}": [held, queued],
        "from=now-210s&to=now-90s": [held, timed_out],
    }.items():
        assert ids(api.get(f"/v1/events?{query}")) == [event.id for event in expected], query
        assert api.get(f"/v1/events/count?{query.replace('&dir=asc', '')}").json()["count"] == len(expected), query


def test_branches_that_never_were_deliveries_show_only_when_asked_for(
    api: ApiCaller, team: Project, now: datetime
) -> None:
    row = make_request(team, now)
    duplicate = make_event(
        row, team, now - 3 * MINUTE, status="CANCELLED", ignored_cause="DEDUPLICATED", ignored_meta={"request_id": "r"}
    )
    filtered = make_event(
        row,
        team,
        now - 2 * MINUTE,
        status="CANCELLED",
        ignored_cause="FILTERED",
        ignored_meta={"failed_targets": ["body"]},
    )
    cancelled = make_event(row, team, now - MINUTE, status="CANCELLED")
    for query, expected in {
        "": [cancelled],
        "status=CANCELLED": [cancelled],
        "include=ignored": [cancelled, filtered, duplicate],
        "include=data,ignored&status=CANCELLED": [cancelled, filtered, duplicate],
        f"connection_id={cancelled.connection_id}": [cancelled, filtered, duplicate],
        f"webhook_id={cancelled.connection_id}": [cancelled, filtered, duplicate],
        f"connection_id={cancelled.connection_id}&status=CANCELLED": [cancelled],
        "ignored_cause=DEDUPLICATED": [duplicate],
        "ignored_cause=FILTERED,DEDUPLICATED": [filtered, duplicate],
    }.items():
        assert ids(api.get(f"/v1/events?{query}")) == [event.id for event in expected], query
    shown = api.get("/v1/events?ignored_cause=DEDUPLICATED").json()["models"][0]
    assert (shown["ignored_cause"], shown["ignored_meta"]) == ("DEDUPLICATED", {"request_id": "r"})
    assert "ignored_meta" not in api.get("/v1/events").json()["models"][0]


def test_a_cursor_does_not_cross_to_a_list_with_ignored_branches(api: ApiCaller, team: Project, now: datetime) -> None:
    row = make_request(team, now)
    for _ in range(3):
        make_event(row, team, now)
    cursor = api.get("/v1/events?limit=1").json()["pagination"]["next"]
    assert api.get(f"/v1/events?limit=1&include=data&next={cursor}").status_code == 200
    assert api.get(f"/v1/events?limit=1&include=ignored&next={cursor}").status_code == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=DONE", "status"),
        ("error_code=BOOM", "error_code"),
        ("response_status=5xx", "response_status"),
        ("ignored_cause=NO", "ignored_cause"),
        ("include=ignored,all", "include"),
        ("from=soon", "from"),
        ("conection_id=x", "conection_id"),
    ],
)
def test_what_the_list_cannot_do_is_refused_by_name(api: ApiCaller, team: Project, query: str, field: str) -> None:
    for path in ("events", "events/count"):
        answer = api.get(f"/v1/{path}?{query}")
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])


def test_a_strangers_event_and_attempt_are_not_there(
    api: ApiCaller, team: Project, other_team: Project, now: datetime
) -> None:
    own = make_event(make_request(team, now), team, now)
    foreign = make_event(make_request(other_team, now), other_team, now)
    own_attempt, foreign_attempt = make_attempt(own, now), make_attempt(foreign, now)
    for path in (f"events/{own.id}", f"events/{own.id}/raw_body", f"attempts/{own_attempt.id}"):
        assert api.get(f"/v1/{path}").status_code == 200
    for path in (
        f"events/{foreign.id}",
        f"events/{foreign.id}/raw_body",
        f"attempts/{foreign_attempt.id}",
        "events/evt_nonsense",
        "attempts/a%00b",
        f"attempts/{own.id}",
    ):
        answer = api.get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
    assert ids(api.get(f"/v1/attempts?event_id={foreign.id}")) == []


def test_an_attempt_has_the_shape_of_the_api(api: ApiCaller, team: Project, other_team: Project, now: datetime) -> None:
    event = make_event(make_request(team, now), team, now)
    attempt = make_attempt(
        event,
        now,
        status="FAILED",
        response_status=502,
        error_code="BAD_RESPONSE",
        attempt_number=2,
        trigger="MANUAL",
        batch_operation_id="bch_1",
    )
    expected = {
        "id": attempt.id,
        "team_id": team.team.id,
        "event_id": event.id,
        "connection_id": team.connection.id,
        "destination_id": team.destination.id,
        "attempt_number": 2,
        "trigger": "MANUAL",
        "batch_operation_id": "bch_1",
        "status": "FAILED",
        "response_status": 502,
        "error_code": "BAD_RESPONSE",
        "requested_url": "https://example.com/hooks",
        "http_method": "POST",
        "request_headers": {"x-fasthook-event-id": event.id},
        "response_headers": {"content-type": "text/plain"},
        "body": "ok",
        "latency": 12,
        "created_at": iso(time_of(attempt.id)),
        "delivered_at": iso(now),
    }
    assert api.get("/v1/attempts").json()["models"] == [expected]
    assert api.get("/v1/attempts?batch_operation_id=bch_1&trigger=MANUAL").json()["models"] == [expected]
    assert api.get("/v1/attempts?batch_operation_id=bch_2").json()["models"] == []
    assert api.get(f"/v1/attempts/{attempt.id}").json() == expected


def test_an_attempt_without_an_answer_says_what_went_wrong(api: ApiCaller, team: Project, now: datetime) -> None:
    attempt = make_attempt(
        make_event(make_request(team, now), team, now),
        now,
        status="FAILED",
        response_status=None,
        response_headers=None,
        body=None,
        error_code="TLS_CERT_EXPIRED",
        error_message="the certificate expired on 2026-01-01",
        delivered_at=None,
    )
    shown = api.get(f"/v1/attempts/{attempt.id}").json()
    assert (shown["response_status"], shown["response_headers"], shown["body"]) == (None, None, None)
    assert shown["error_message"] == "the certificate expired on 2026-01-01"


@pytest.mark.usefixtures("shifted_clock")
def test_attempts_are_filtered_and_found_by_old_events(api: ApiCaller, team: Project, now: datetime) -> None:
    old_event = make_event(make_request(team, now - timedelta(days=35)), team, now - timedelta(days=35))
    event = make_event(make_request(team, now), team, now)
    old = make_attempt(old_event, now - timedelta(days=35), status="FAILED", error_code="TIMEOUT")
    first = make_attempt(event, now - 2 * MINUTE, status="FAILED", error_code="TIMEOUT", response_status=None)
    second = make_attempt(event, now - MINUTE, trigger="AUTOMATIC", attempt_number=2, destination_id="des_2")
    for query, expected in {
        "": [second, first],
        f"event_id={event.id}&order_by=created_at&dir=asc": [first, second],
        f"event_id={old_event.id}": [old],
        f"event_id={old_event.id},{event.id}": [second, first, old],
        "status=FAILED": [first],
        "error_code=TIMEOUT": [first],
        "trigger=AUTOMATIC,MANUAL": [second],
        "response_status=200": [second],
        "destination_id=des_2": [second],
        f"connection_id={team.connection.id}&status=SUCCESSFUL": [second],
    }.items():
        assert ids(api.get(f"/v1/attempts?{query}")) == [attempt.id for attempt in expected], query
    assert list(api.get("/v1/attempts?trigger=BOT").json()["fields"]) == ["trigger"]


def test_several_statuses_and_values_are_one_list_in_order_with_cursors(
    api: ApiCaller, team: Project, now: datetime
) -> None:
    """Read part by part, with an index each: the caller sees one list, forwards and backwards."""
    statuses = ("FAILED", "QUEUED", "HOLD", "SUCCESSFUL", "CANCELLED")
    made = []
    for number in range(20):
        at = now - (30 - number) * MINUTE
        status = statuses[number % 5]
        done = at if status == "SUCCESSFUL" else None
        row = make_event(make_request(team, at), team, at, status=status, successful_at=done, error_code=None)
        if status == "QUEUED":
            DeliveryJob.objects.create(
                event_id=row.id,
                team_id=team.team.id,
                rank=1,
                due_at=at,
                attempt_number=1,
                trigger="INITIAL",
                body_size=0,
            )
        made.append(row)
    wanted = [row.id for row in reversed(made) if row.status in ("FAILED", "QUEUED", "HOLD")]
    path = "/v1/events?status=QUEUED,HOLD,FAILED&limit=5"
    pages, answers = [], [api.get(path).json()]
    while True:
        pages.append([row["id"] for row in answers[-1]["models"]])
        following = answers[-1]["pagination"]["next"]
        if following is None:
            break
        answers.append(api.get(f"{path}&next={following}").json())
    assert [identifier for page in pages for identifier in page] == wanted
    assert {answer["total"] for answer in answers} == {12}
    back = api.get(f"{path}&prev={answers[-1]['pagination']['prev']}").json()
    assert [row["id"] for row in back["models"]] == pages[-2]
    ascending = api.get("/v1/events?status=QUEUED,HOLD,FAILED&dir=asc").json()
    assert [row["id"] for row in ascending["models"]] == wanted[::-1]
    assert api.get("/v1/events/count?status=QUEUED,HOLD,FAILED").json()["count"] == 12


def test_an_event_says_queued_only_with_its_job(
    api: ApiCaller, team: Project, other_team: Project, now: datetime
) -> None:
    """The list by QUEUED follows jobs; another team's do not show."""
    mine, theirs = (make_event(make_request(owner, now), owner, now) for owner in (team, other_team))
    for row, owner in ((mine, team), (theirs, other_team)):
        DeliveryJob.objects.create(
            event_id=row.id, team_id=owner.team.id, rank=1, due_at=now, attempt_number=1, trigger="INITIAL", body_size=0
        )
    assert [row["id"] for row in api.get("/v1/events?status=QUEUED").json()["models"]] == [mine.id]
    assert api.get("/v1/events?status=SCHEDULED").json()["models"] == []


OWNERS = [
    *[("events", by) for by in ("connection_id", "webhook_id", "destination_id", "source_id")],
    *[("attempts", by) for by in ("connection_id", "webhook_id", "destination_id")],
    ("requests", "source_id"),
]


@pytest.mark.parametrize(("resource", "by"), OWNERS)
def test_what_belongs_to_another_team_is_neither_listed_nor_counted(
    api: ApiCaller, team: Project, other_team: Project, now: datetime, resource: str, by: str
) -> None:
    """Counting all of one's own connections and the like does not look at the team of each row."""
    for owner, times in ((team, 2), (other_team, 3)):
        for _ in range(times):
            make_attempt(make_event(make_request(owner, now), owner, now), now)
    kind = by.removesuffix("_id").replace("webhook", "connection")
    mine, theirs = (getattr(owner, kind).id for owner in (team, other_team))
    for asked, expected in ((mine, 2), (theirs, 0), (f"{mine},{theirs}", 2)):
        listed = api.get(f"/v1/{resource}?{by}={asked}&limit=1").json()
        assert (listed["total"], len(listed["models"])) == (expected, min(expected, 1))
