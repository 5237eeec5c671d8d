"""The metrics routes: their shapes, what they refuse and how, and that nothing of another team is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection

from events.models import DiscardedRequests
from events.tests.seed import Project, make_attempt, make_event, make_project, make_request
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller, caller_for
from metrics import api
from metrics.reading import answering

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def begin() -> datetime:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - 24 * HOUR


@pytest.fixture
def project() -> Project:
    return make_project("ours", now=utc_now())


@pytest.fixture
def caller(project: Project) -> ApiCaller:
    return caller_for(project.team)


def path(resource: str, begin: datetime, hours: float = 3, **params: Any) -> str:
    given = {
        "date_range[start]": begin.isoformat(),
        "date_range[end]": (begin + hours * HOUR).isoformat(),
        "granularity": "1h",
        **{name.replace("__", "[]"): value for name, value in params.items()},
    }
    return f"metrics/{resource}?{urlencode(given, doseq=True)}"


def answer_of(caller: ApiCaller, *args: Any, **params: Any) -> Any:
    response = caller.get(path(*args, **params))
    assert response.status_code == 200, response.content
    return response.json()


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_events_are_counted_by_what_became_of_them(caller: ApiCaller, project: Project, begin: datetime) -> None:
    request = make_request(project, begin)
    outcomes: list[dict[str, Any]] = [
        {"status": "SUCCESSFUL", "successful_at": begin, "attempts": 2},
        {"status": "FAILED", "attempts": 4},
        {"status": "QUEUED"},
        {"status": "SCHEDULED"},
        {"status": "HOLD"},
        {"status": "CANCELLED"},
        {"status": "CANCELLED", "ignored_cause": "FILTERED", "ignored_meta": {"failed_targets": ["body"]}},
    ]
    for outcome in outcomes:
        make_event(request, project, begin + 90 * timedelta(minutes=1), **outcome)
    found = answer_of(caller, "events", begin)
    nothing = {
        "count": 0,
        "delivered_count": 0,
        "failed_count": 0,
        "queued_count": 0,
        "scheduled_count": 0,
        "hold_count": 0,
        "cancelled_count": 0,
        "ignored_count": 0,
        "error_rate": 0.0,
        "avg_attempts": None,
    }
    counted = {
        "count": 6,
        "delivered_count": 1,
        "failed_count": 1,
        "queued_count": 1,
        "scheduled_count": 1,
        "hold_count": 1,
        "cancelled_count": 1,
        "ignored_count": 1,
        "error_rate": 0.5,
        "avg_attempts": 1.0,
    }
    assert found == {
        "date_range": {"start": iso(begin), "end": iso(begin + 3 * HOUR)},
        "granularity": "1h",
        "series": [
            {"timestamp": iso(begin), **nothing},
            {"timestamp": iso(begin + HOUR), **counted},
            {"timestamp": iso(begin + 2 * HOUR), **nothing},
        ],
        "totals": counted,
    }


def test_requests_count_what_was_turned_away_and_what_was_not_even_stored(
    caller: ApiCaller, project: Project, begin: datetime
) -> None:
    make_request(project, begin)
    make_request(project, begin, status="rejected", rejection_cause="SOURCE_AUTH_FAILED")
    for cause, count in (("SOURCE_AUTH_FAILED", 40), ("HANDSHAKE", 2)):
        DiscardedRequests.objects.create(
            team_id=project.team.id, source_id=project.source.id, minute=begin, rejection_cause=cause, count=count
        )
    measures = ["count", "accepted_count", "rejected_count", "discarded_count"]
    totals = answer_of(caller, "requests", begin, measures__=measures)["totals"]
    assert totals == {"count": 2, "accepted_count": 1, "rejected_count": 1, "discarded_count": 42}
    assert answer_of(caller, "requests", begin, status="rejected")["totals"]["discarded_count"] == 40
    assert answer_of(caller, "requests", begin, verified="true")["totals"]["discarded_count"] == 0
    assert answer_of(caller, "requests", begin, batch_operation_id="bch_1")["totals"]["discarded_count"] == 0


def test_attempts_have_latencies_and_no_attempts_have_none(
    caller: ApiCaller, project: Project, begin: datetime
) -> None:
    event = make_event(make_request(project, begin), project, begin)
    for latency in (10, 20, 30):
        make_attempt(event, begin, latency=latency)
    make_attempt(event, begin, latency=1000, status="FAILED", error_code="TIMEOUT", response_status=None)
    found = answer_of(caller, "attempts", begin)
    assert found["totals"] == {
        "count": 4,
        "successful_count": 3,
        "failed_count": 1,
        "error_rate": 0.25,
        "latency_avg": 265.0,
        "latency_p50": 20,
        "latency_p95": 1000,
        "latency_p99": 1000,
        "latency_max": 1000,
    }
    assert {found["series"][1][name] for name in ("latency_avg", "latency_p50", "latency_max")} == {None}
    assert answer_of(caller, "attempts", begin, error_code="TIMEOUT")["totals"]["count"] == 1


def test_dimensions_split_the_series_and_every_group_is_zero_filled(
    caller: ApiCaller, project: Project, begin: datetime
) -> None:
    event = make_event(make_request(project, begin), project, begin)
    make_attempt(event, begin)
    make_attempt(event, begin + HOUR, status="FAILED", error_code="TIMEOUT", response_status=None)
    found = answer_of(caller, "attempts", begin, 2, dimensions__=["status", "response_status"], measures__="count")
    assert found["series"] == [
        {"timestamp": iso(begin), "status": "FAILED", "response_status": None, "count": 0},
        {"timestamp": iso(begin), "status": "SUCCESSFUL", "response_status": 200, "count": 1},
        {"timestamp": iso(begin + HOUR), "status": "FAILED", "response_status": None, "count": 1},
        {"timestamp": iso(begin + HOUR), "status": "SUCCESSFUL", "response_status": 200, "count": 0},
    ]
    assert found["totals"] == {"count": 2}
    assert answer_of(caller, "events", begin, dimensions__="status", status="HOLD")["series"] == []


@pytest.mark.parametrize("spelling", ["measures[]", "measures", "measures[0]"])
def test_lists_are_taken_in_every_usual_spelling(caller: ApiCaller, begin: datetime, spelling: str) -> None:
    assert answer_of(caller, "events", begin, **{spelling: "count,failed_count"})["totals"] == {
        "count": 0,
        "failed_count": 0,
    }


def test_webhook_id_is_connection_id(caller: ApiCaller, project: Project, begin: datetime) -> None:
    make_event(make_request(project, begin), project, begin)
    for name in ("webhook_id", "connection_id"):
        found = answer_of(
            caller, "events", begin, 1, dimensions__=name, measures__="count", **{name: project.connection.id}
        )
        assert found["series"] == [{"timestamp": iso(begin), "connection_id": project.connection.id, "count": 1}]
        assert answer_of(caller, "events", begin, **{name: "conn_other"})["totals"]["count"] == 0


@pytest.mark.usefixtures("shifted_clock")
def test_the_end_is_not_inside_and_the_beginning_is(caller: ApiCaller, project: Project, begin: datetime) -> None:
    request = make_request(project, begin)
    for moment in (begin, begin + HOUR - timedelta(milliseconds=1), begin + HOUR):
        make_event(request, project, moment)
    found = answer_of(caller, "events", begin, 1, measures__="count")
    assert found["series"] == [{"timestamp": iso(begin), "count": 2}]


@pytest.mark.usefixtures("shifted_clock")
def test_from_and_to_and_no_granularity(caller: ApiCaller) -> None:
    found = caller.get("metrics/events?from=now-24h&to=now&measures[]=count").json()
    assert found["granularity"] == "5m"
    assert len(found["series"]) in (288, 289)


def test_days_begin_at_midnight_of_the_timezone(caller: ApiCaller) -> None:
    found = caller.get(
        "metrics/events?from=2026-03-28T23:00:00Z&to=2026-03-30T22:00:00Z&granularity=1d&timezone=Europe/Berlin"
        "&measures=count"
    ).json()
    assert [point["timestamp"] for point in found["series"]] == [
        "2026-03-28T23:00:00.000Z",
        "2026-03-29T22:00:00.000Z",
    ]


@pytest.mark.parametrize("resource", ["requests", "events", "attempts", "queue"])
def test_nothing_of_another_team_is_counted(
    stranger: ApiCaller, project: Project, begin: datetime, resource: str
) -> None:
    event = make_event(make_request(project, begin), project, begin)
    make_attempt(event, begin)
    totals = answer_of(stranger, resource, begin)["totals"]
    assert not any(totals.values())


REFUSALS = [
    (
        "events",
        {"measures__": "cuont"},
        "measures[]",
        "cuont is unknown; did you mean count? The legal ones are count,",
    ),
    ("events", {"measures__": "latency_p95"}, "measures[]", "latency_p95 is unknown"),
    ("requests", {"dimensions__": "colour"}, "dimensions[]", "the legal ones are source_id, status, rejection_cause"),
    (
        "events",
        {"dimensions__": ["status", "error_code", "source_id", "connection_id"]},
        "dimensions[]",
        "must not be more than 3",
    ),
    ("requests", {"destination_id": "des_1"}, "destination_id", "unknown parameter; the legal ones are"),
    ("events", {"statuss": "FAILED"}, "statuss", "did you mean status?"),
    ("events", {"status": "BROKEN"}, "status", "must be one of: SCHEDULED, QUEUED,"),
    ("requests", {"verified": "yes"}, "verified", "must be true or false"),
    ("attempts", {"response_status": "5xx"}, "response_status", "must be a whole number"),
    ("events", {"source_id": "a\0"}, "source_id", "must not hold a null character"),
    ("events", {"source_id": ",".join(map(str, range(101)))}, "source_id", "must not have more than 100 values"),
    ("events", {"webhook_id": "a", "connection_id": "b"}, "webhook_id", "is another name of connection_id"),
    ("events", {"granularity": "7h"}, "granularity", "must be from 1s to 1d and divide a day evenly"),
    ("events", {"granularity": "1s", "hours": 3}, "granularity", "makes 10800 buckets, and at most 5000 are answered"),
    ("events", {"timezone": "Mars/Phobos"}, "timezone", "must be a name of the IANA database"),
    ("events", {"timezone": "../../etc/passwd"}, "timezone", "must be a name of the IANA database"),
    ("events", {"date_range[start]": ""}, "date_range[start]", "is required"),
    ("events", {"date_range[end]": ""}, "date_range[end]", "is required"),
    ("events", {"date_range[end]": "yesterday"}, "date_range[end]", "must be an ISO 8601 time"),
    ("events", {"date_range[end]": "9999-12-31T23:59:59Z"}, "date_range[end]", "must not lie more than a year ahead"),
    ("events", {"from": "now-1h"}, "from", "give date_range[start] or from, not both"),
    ("events", {"hours": 0}, "date_range[start]", "must lie before date_range[end]"),
]


@pytest.mark.parametrize(("resource", "params", "field", "text"), REFUSALS)
def test_what_is_not_legal_is_refused_by_name(
    caller: ApiCaller, begin: datetime, resource: str, params: dict[str, Any], field: str, text: str
) -> None:
    response = caller.get(
        path(resource, begin, params.get("hours", 3), **{k: v for k, v in params.items() if k != "hours"})
    )
    found = response.json()
    assert (response.status_code, found["code"]) == (422, "INVALID_INPUT")
    assert text in found["fields"][field][0]


def test_more_points_than_can_be_answered_are_refused(
    caller: ApiCaller, project: Project, begin: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_POINTS", 5)
    event = make_event(make_request(project, begin), project, begin)
    make_attempt(event, begin)
    assert len(answer_of(caller, "attempts", begin, dimensions__="status")["series"]) == 3
    make_attempt(event, begin, status="FAILED")
    response = caller.get(path("attempts", begin, dimensions__="status"))
    assert response.status_code == 422
    assert response.json()["fields"]["dimensions[]"][0].startswith("makes more than 50000 points")


def test_what_takes_too_long_is_refused(caller: ApiCaller, begin: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_slowly(*args: Any, **options: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(10)")
        return []

    monkeypatch.setattr(answering, "MAX_READ_S", 0.02)
    monkeypatch.setattr(answering, "_fetch", read_slowly)
    response = caller.get(path("events", begin))
    assert response.status_code == 422
    assert response.json() == {
        "error": "this takes longer than 0.02 s: ask for a shorter range or a coarser granularity",
        "code": "RANGE_TOO_WIDE",
        "fields": {"date_range[start]": ["the range is too wide"]},
    }


def test_prometheus_still_has_the_path_without_a_resource(caller: ApiCaller) -> None:
    assert caller_at_root(caller, "metrics/events?from=now-1h&to=now") == 200
    assert caller_at_root(caller, "metrics") == 200


def caller_at_root(caller: ApiCaller, path: str) -> int:
    caller.prefix = "/"
    return int(caller.get(path).status_code)
