from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.tests.seed import Project, make_event, make_request
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller

MINUTE = timedelta(minutes=1)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [model["id"] for model in answer.json()["models"]]


def test_a_request_has_the_shape_of_the_api(api: ApiCaller, team: Project, other_team: Project, now: datetime) -> None:
    at = now - MINUTE
    row = make_request(team, at)
    make_event(row, team, at)
    make_event(row, team, at, status="CANCELLED", ignored_cause="CONNECTION_DISABLED")
    make_event(row, team, at, status="CANCELLED", ignored_cause="FILTERED", ignored_meta={"failed_targets": ["body"]})
    make_request(other_team, at)

    answer = api.get("/v1/requests").json()

    assert list(answer) == ["pagination", "count", "total", "total_exact", "applied_range", "models"]
    assert answer["models"] == [
        {
            "id": row.id,
            "team_id": team.team.id,
            "source_id": team.source.id,
            "status": "accepted",
            "verified": False,
            "rejection_cause": None,
            "handshake": False,
            "events_count": 2,
            "ignored_count": 1,
            "is_retry": False,
            "retry_parent_request_id": None,
            "batch_operation_id": None,
            "created_at": iso(time_of(row.id)),
            "ingested_at": iso(at),
        }
    ]
    assert (answer["count"], answer["total"], answer["total_exact"]) == (1, 1, True)


def test_the_detail_has_the_data_and_the_counts(api: ApiCaller, team: Project, now: datetime) -> None:
    row = make_request(team, now, path="/orders", query="a=1&a=2&b=", headers=[["x-a", "1"], ["x-a", "2"]])
    make_event(row, team, now)
    answer = api.get(f"/v1/requests/{row.id}").json()
    assert (answer["events_count"], answer["ignored_count"]) == (1, 0)
    assert answer["data"] == {
        "method": "POST",
        "path": "/orders",
        "query": "a=1&a=2&b=",
        "parsed_query": {"a": ["1", "2"], "b": ""},
        "headers": {"x-a": "1, 2"},
        "body": {"id": 1},
        "body_encoding": "json",
        "body_size": 9,
        "body_truncated": False,
    }


def test_a_list_has_data_only_when_it_is_asked_for(api: ApiCaller, team: Project, now: datetime) -> None:
    make_request(team, now)
    assert "data" not in api.get("/v1/requests").json()["models"][0]
    assert api.get("/v1/requests?include=data").json()["models"][0]["data"]["body"] == {"id": 1}
    refused = api.get("/v1/requests?include=everything")
    assert (refused.status_code, refused.json()["fields"]) == (422, {"include": ["must be one or several of: data"]})


def test_the_bodies_of_a_page_share_its_budget(
    api: ApiCaller, team: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.storage.payloads.PAGE_BODY_BYTES", 40)
    row = make_request(team, now, body=b'{"name": "a longer body"}')
    cut = api.get("/v1/requests?include=data&limit=4").json()["models"][0]["data"]
    assert (cut["body"], cut["body_encoding"]) == ('{"name": "', "text")
    assert (cut["body_truncated"], cut["body_size"]) == (True, 25)
    whole = api.get("/v1/requests?include=data&limit=1").json()["models"][0]["data"]
    assert (whole["body"], whole["body_truncated"]) == ({"name": "a longer body"}, False)
    assert api.get(f"/v1/requests/{row.id}").json()["data"]["body"] == {"name": "a longer body"}


def test_filters_narrow_the_list(api: ApiCaller, team: Project, other_team: Project, now: datetime) -> None:
    plain = make_request(team, now - 4 * MINUTE)
    verified = make_request(team, now - 3 * MINUTE, verified=True)
    rejected = make_request(team, now - 2 * MINUTE, status="rejected", rejection_cause="SOURCE_AUTH_FAILED")
    retry = make_request(
        team, now - MINUTE, retry_parent_request_id=plain.id, batch_operation_id="bch_1", source_id="src_2"
    )
    make_request(other_team, now, verified=True)

    for query, expected in {
        "": [retry, rejected, verified, plain],
        "dir=asc": [plain, verified, rejected, retry],
        "verified=true": [verified],
        "verified=false": [retry, rejected, plain],
        "status=rejected": [rejected],
        "status=accepted": [retry, verified, plain],
        "status=accepted,rejected&verified=true": [verified],
        "rejection_cause=SOURCE_AUTH_FAILED,SOURCE_DISABLED": [rejected],
        "rejection_cause=SOURCE_DISABLED": [],
        "is_retry=true": [retry],
        "is_retry=false": [rejected, verified, plain],
        "batch_operation_id=bch_1": [retry],
        "source_id=src_2": [retry],
        f"source_id={team.source.id},src_2&from=now-150s": [retry, rejected],
        f"source_id={other_team.source.id}": [],
        "source_id=evt_of_another_kind": [],
        f"id={plain.id},{retry.id}": [retry, plain],
        "from=now-150s": [retry, rejected],
        "to=now-150s": [verified, plain],
        "from=now-210s&to=now-90s": [rejected, verified],
        "created_at[gte]=now-150s&created_at[lt]=now-90s": [rejected],
    }.items():
        assert ids(api.get(f"/v1/requests?{query}")) == [row.id for row in expected], query


@pytest.mark.parametrize(
    ("query", "field", "fault"),
    [
        ("status=ACCEPTED", "status", "must be one of: accepted, rejected"),
        ("sourceid=src_1", "sourceid", "unknown parameter; did you mean source_id?"),
        ("limit=101", "limit", "must be a whole number from 1 to 100"),
        ("limit=100000", "limit", "must be a whole number from 1 to 100"),
        ("order_by=updated_at", "order_by", "must be one of: created_at"),
    ],
)
def test_what_the_list_cannot_do_is_refused_by_name(
    api: ApiCaller, team: Project, query: str, field: str, fault: str
) -> None:
    answer = api.get(f"/v1/requests?{query}")
    assert (answer.status_code, answer.json()["fields"]) == (422, {field: [fault]})


@pytest.mark.usefixtures("shifted_clock")
def test_the_list_covers_thirty_days_unless_asked(api: ApiCaller, team: Project, now: datetime) -> None:
    old = make_request(team, now - timedelta(days=35))
    recent = make_request(team, now - timedelta(days=29))
    answer = api.get("/v1/requests")
    assert ids(answer) == [recent.id]
    applied = {name: datetime.fromisoformat(text) for name, text in answer.json()["applied_range"].items()}
    assert applied["to"] - applied["from"] == timedelta(days=30)
    assert ids(api.get("/v1/requests?from=now-36d")) == [recent.id, old.id]
    assert ids(api.get(f"/v1/requests?id={old.id}")) == [old.id]


def test_pages_follow_cursors_both_ways(api: ApiCaller, team: Project, other_team: Project, now: datetime) -> None:
    rows = [make_request(team, now - number * MINUTE) for number in range(5)]
    make_request(other_team, now - MINUTE)
    first = api.get("/v1/requests?limit=2&from=now-1h")
    second = api.get(f"/v1/requests?limit=2&from=now-1h&next={first.json()['pagination']['next']}")
    assert ids(first) + ids(second) == [row.id for row in rows[:4]]
    assert (second.json()["count"], second.json()["total"]) == (2, 5)
    back = api.get(f"/v1/requests?limit=2&from=now-1h&prev={second.json()['pagination']['prev']}")
    assert ids(back) == ids(first)
    with_other_filter = api.get(f"/v1/requests?limit=2&next={first.json()['pagination']['next']}")
    assert (with_other_filter.status_code, list(with_other_filter.json()["fields"])) == (422, ["next"])


def test_counts_of_a_page_take_one_query_however_long_it_is(api: ApiCaller, team: Project, now: datetime) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(path).status_code == 200
        return len(captured)

    make_event(make_request(team, now), team, now)
    one = queries("/v1/requests?include=data")
    for _ in range(5):
        make_event(make_request(team, now), team, now)
    assert queries("/v1/requests?include=data") == one


def test_events_and_ignored_events_of_a_request_are_apart(
    api: ApiCaller, team: Project, other_team: Project, now: datetime
) -> None:
    row, another = make_request(team, now), make_request(team, now)
    event = make_event(row, team, now)
    ignored = make_event(
        row, team, now, status="CANCELLED", ignored_cause="FILTERED", ignored_meta={"failed_targets": ["body"]}
    )
    make_event(another, team, now)
    assert ids(api.get(f"/v1/requests/{row.id}/events")) == [event.id]
    answer = api.get(f"/v1/requests/{row.id}/ignored_events")
    assert ids(answer) == [ignored.id]
    assert answer.json()["models"][0]["ignored_meta"] == {"failed_targets": ["body"]}
    assert ids(api.get(f"/v1/requests/{row.id}/events?request_id={another.id}")) == [event.id]
    assert ids(api.get(f"/v1/requests/{row.id}/events?status=FAILED")) == []


@pytest.mark.usefixtures("shifted_clock")
def test_events_of_an_old_request_are_found_without_a_range(api: ApiCaller, team: Project, now: datetime) -> None:
    row = make_request(team, now - timedelta(days=35))
    event = make_event(row, team, now - timedelta(days=35) + MINUTE)
    assert ids(api.get(f"/v1/requests/{row.id}/events")) == [event.id]


def test_the_count_has_the_filters_of_the_list(
    api: ApiCaller, team: Project, other_team: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        make_request(team, now, verified=number > 0)
    make_request(other_team, now)
    answer = api.get("/v1/requests/count?verified=true").json()
    assert list(answer) == ["count", "count_exact", "applied_range"]
    assert (answer["count"], answer["count_exact"]) == (2, True)
    monkeypatch.setattr("events.evidence.selectors.COUNT_UP_TO", 2)
    answer = api.get("/v1/requests/count").json()
    assert (answer["count"], answer["count_exact"]) == (2, False)


@pytest.mark.parametrize("suffix", ["", "/events", "/ignored_events", "/raw_body"])
def test_a_strangers_request_is_not_there(
    api: ApiCaller, team: Project, other_team: Project, now: datetime, suffix: str
) -> None:
    own, foreign = make_request(team, now), make_request(other_team, now)
    assert api.get(f"/v1/requests/{own.id}{suffix}").status_code == 200
    for identifier in (foreign.id, "req_nonsense", "a%00b", own.id.replace("req_", "evt_")):
        answer = api.get(f"/v1/requests/{identifier}{suffix}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), identifier


def test_nobody_reads_without_credentials(team: Project) -> None:
    for path in ("requests", "requests/count", "events", "events/count", "attempts"):
        assert ApiCaller(prefix="").get(f"/v1/{path}").status_code == 401
