"""Bulk operations over HTTP: what may be asked, what is refused, what a plan tells, and to whom they belong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connections.tests.factories import ConnectionFactory
from events.bulk import census, plan
from events.housekeeping import keep_house, nudge_due_stages
from events.models import BulkOutcome, DeliveryJob, Event
from events.models.bulk import BulkOperation
from events.tests.bulking import drain, make_ended
from events.tests.seed import Project, make_attempt, make_event, make_request
from fasthook.lib.clock import iso
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import AuditEntry, Role
from teams.tests.factories import MembershipFactory

EVENTS = "/v1/events/bulk_operations"
REQUESTS = "/v1/requests/bulk_operations"
RECENT = {"from": "now-1h"}


@pytest.fixture
def at(now: datetime) -> datetime:
    return now - timedelta(seconds=30)


@pytest.fixture
def stranger(other_team: Project) -> ApiCaller:
    return ApiCaller(other_team.api_key, prefix="")


@pytest.fixture
def viewer(team: Project, now: datetime) -> ApiCaller:
    user = MembershipFactory(team=team.team, role=Role.VIEWER).user
    return ApiCaller(create_session(user, now=now).token, prefix="")


def start(api: ApiCaller, path: str = EVENTS, **body: Any) -> dict[str, Any]:
    answer = api.post(path, {**RECENT, **body})
    assert answer.status_code == 202, answer.content
    shown: dict[str, Any] = answer.json()
    return shown


def refusal(answer: Any) -> tuple[int, str, list[str]]:
    body = answer.json()
    return answer.status_code, body["code"], sorted(body.get("fields", {}))


def test_the_guides_call_starts_a_retry_of_what_it_names(
    api: ApiCaller, team: Project, at: datetime, now: datetime, nudges: list[str]
) -> None:
    make_ended(team, 2, at=at, error_code="TIMEOUT")
    make_ended(team, 1, at=at, error_code="TLS_ERROR")
    body = {
        "from": iso(now - timedelta(hours=1)),
        "to": iso(now + timedelta(hours=1)),
        "status": "FAILED",
        "source_id": team.source.id,
        "connection_id": team.connection.id,
        "destination_id": team.destination.id,
        "q": "timeout",
    }
    shown = api.post(EVENTS, body).json()
    assert shown == {
        "id": shown["id"],
        "team_id": team.team.id,
        "type": "event_bulk_retry",
        "status": "PLANNED",
        "filter": {**body, "to": shown["created_at"]},
        "total_count": 2,
        "total_exact": True,
        "queued_count": 0,
        "skipped_count": 0,
        "skipped": {},
        "done_count": 0,
        "failed_count": 0,
        "cancelled_count": 0,
        "held_count": 0,
        "waiting_count": 0,
        "progress": 0.0,
        "cancelable": True,
        "failure_message": None,
        "requested_by": "api_key",
        "created_at": shown["created_at"],
        "started_at": None,
        "finished_at": None,
    }
    assert shown["id"].startswith("bch_")
    assert nudges == ["bulk"]
    assert api.get(f"{EVENTS}/{shown['id']}").json() == shown


def test_lists_and_comma_lists_mean_the_same_and_targets_are_filled_in(api: ApiCaller, team: Project) -> None:
    connection_ids = sorted([team.connection.id, ConnectionFactory(team=team.team).id])
    shown = start(api, connection_id=connection_ids[::-1], response_status=[500, "503"])
    assert shown["filter"] == {
        "connection_id": ",".join(connection_ids),
        "response_status": "500,503",
        "status": "CANCELLED,FAILED",
        "from": shown["filter"]["from"],
        "to": shown["created_at"],
    }


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (EVENTS, {"from": "yesterday"}, ["from"]),
        (EVENTS, {"from": "now", "to": "now-1h"}, ["from"]),
        (EVENTS, {**RECENT, "status": "HOLD"}, ["status"]),
        (EVENTS, {**RECENT, "status": ["FAILED", "SUCCESSFUL"]}, ["status"]),
        (EVENTS, {**RECENT, "type": "event_bulk_cancel", "status": "SUCCESSFUL"}, ["status"]),
        (EVENTS, {**RECENT, "type": "request_bulk_retry"}, ["type"]),
        (EVENTS, {**RECENT, "connection_id": []}, ["connection_id"]),
        (EVENTS, {**RECENT, "connection_id": ""}, ["connection_id"]),
        (EVENTS, {**RECENT, "status": [" "]}, ["status"]),
        (EVENTS, {"from": "", "to": "now", "status": "FAILED"}, ["from"]),
        (EVENTS, {**RECENT, "q": ""}, ["q"]),
        (REQUESTS, {**RECENT, "source_id": []}, ["source_id"]),
        (EVENTS, {**RECENT, "conection_id": "conn_1"}, ["conection_id"]),
        (EVENTS, {**RECENT, "connection_id": {"id": "conn_1"}}, ["connection_id"]),
        (EVENTS, {**RECENT, "error_code": "NOPE"}, ["error_code"]),
        (EVENTS, {**RECENT, "q": "x" * 201}, ["q"]),
        (EVENTS, {**RECENT, "q": 7}, ["q"]),
        (REQUESTS, {**RECENT, "status": "FAILED"}, ["status"]),
        (REQUESTS, {**RECENT, "connection_id": "conn_1"}, ["connection_id"]),
    ],
)
def test_a_faulty_filter_is_refused_naming_the_field(
    api: ApiCaller, path: str, body: dict[str, Any], fields: list[str]
) -> None:
    for each in (path, f"{path}/plan"):
        answer = api.post(each, body)
        assert (answer.status_code, sorted(answer.json()["fields"])) == (422, fields), answer.content
    assert not BulkOperation.objects.exists()


def test_without_any_filter_the_refusal_says_what_to_give(api: ApiCaller) -> None:
    answer = api.post(EVENTS, {"status": "FAILED"}).json()
    assert answer["code"] == "FILTER_TOO_WIDE"
    assert answer["error"] == "say which events are meant: give from, or another filter such as connection_id"
    assert (
        "requests are meant: give from, or another filter such as source_id" in api.post(REQUESTS, {}).json()["error"]
    )


@pytest.mark.parametrize("field", ["id", "source_id", "connection_id", "destination_id", "request_id"])
def test_an_id_that_the_team_does_not_have_is_refused(api: ApiCaller, team: Project, at: datetime, field: str) -> None:
    (event_id,) = make_ended(team, 1, at=at)
    event = Event.objects.get(id=event_id)
    known = getattr(event, field)
    assert start(api, **{field: known})["total_count"] == 1
    answer = api.post(EVENTS, {field: [known, "x_none"]})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    assert answer.json()["error"].startswith(f"{field}: there is no ")
    assert answer.json()["data"] == {"ids": ["x_none"]}


def test_the_same_operation_is_not_started_twice_at_once(api: ApiCaller, team: Project) -> None:
    first = start(api, status=["FAILED", "CANCELLED"])
    for same in (
        {**RECENT, "status": "CANCELLED,FAILED"},
        {**RECENT},
        {"from": " now-1h", "status": "FAILED,CANCELLED"},
    ):
        answer = api.post(EVENTS, same)
        assert refusal(answer) == (409, "BULK_OPERATION_ONGOING", [])
        assert answer.json()["data"] == {"id": first["id"], "status": "PLANNED"}
        told = f"the same operation is under way as {first['id']}: wait for it to end, or cancel it"
        assert answer.json()["error"] == told
    start(api, status="FAILED")
    start(api, type="event_bulk_cancel")
    start(api, REQUESTS)
    assert api.post(f"{EVENTS}/{first['id']}/cancel").status_code == 200
    start(api)


@pytest.mark.usefixtures("shifted_clock")
def test_instants_that_are_the_same_are_the_same_operation(api: ApiCaller, now: datetime) -> None:
    moment = now - timedelta(hours=1)
    start(api, **{"from": moment.strftime("%Y-%m-%dT%H:%M:%SZ")})
    body = {"from": moment.strftime("%Y-%m-%d %H:%M:%S+00:00")}
    assert refusal(api.post(EVENTS, body)) == (409, "BULK_OPERATION_ONGOING", [])


def test_a_team_has_a_bounded_number_under_way(api: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_ONGOING", 2)
    ids = sorted(start(api, to=f"now-{minutes}m")["id"] for minutes in (1, 2))
    answer = api.post(EVENTS, RECENT)
    assert refusal(answer) == (409, "TOO_MANY_BULK_OPERATIONS", [])
    assert answer.json()["data"] == {"ids": ids}
    told = "2 bulk operations of this team are under way; wait for one to end, or cancel it"
    assert answer.json()["error"] == told


@pytest.mark.usefixtures("nudges")
def test_a_cancel_ends_it_once(api: ApiCaller, team: Project, at: datetime) -> None:
    make_ended(team, 1, at=at)
    made = start(api)
    cancelled = api.post(f"{EVENTS}/{made['id']}/cancel").json()
    assert (cancelled["status"], cancelled["cancelable"], cancelled["progress"]) == ("CANCELLED", False, 0.0)
    assert cancelled["finished_at"] is not None
    answer = api.put(f"{EVENTS}/{made['id']}/cancel")
    assert refusal(answer) == (409, "BULK_OPERATION_OVER", [])
    assert answer.json()["error"] == "this bulk operation is cancelled and cannot be cancelled"
    drain()
    assert (Event.objects.get().status, DeliveryJob.objects.count()) == ("FAILED", 0)


def test_lists_hold_their_kind_by_bucket_status_and_type(api: ApiCaller) -> None:
    retry, cancel = start(api), start(api, type="event_bulk_cancel")
    replay = start(api, REQUESTS)
    api.post(f"{EVENTS}/{cancel['id']}/cancel")

    def listed(path: str) -> list[str]:
        return [row["id"] for row in api.get(path).json()["models"]]

    assert listed(EVENTS) == listed(f"{EVENTS}?bucket=all") == [cancel["id"], retry["id"]]
    assert listed(f"{EVENTS}?bucket=ongoing") == listed(f"{EVENTS}?status=PLANNED,RUNNING") == [retry["id"]]
    assert listed(f"{EVENTS}?bucket=history") == listed(f"{EVENTS}?type=event_bulk_cancel") == [cancel["id"]]
    assert listed(REQUESTS) == [replay["id"]]
    assert api.get(f"{REQUESTS}/{retry['id']}").status_code == 404
    page = api.get(f"{EVENTS}?limit=1").json()
    assert [page["models"][0]["id"], *listed(f"{EVENTS}?limit=1&next={page['pagination']['next']}")] == [
        cancel["id"],
        retry["id"],
    ]
    assert refusal(api.get(f"{EVENTS}?bucket=old")) == (422, "INVALID_INPUT", ["bucket"])
    assert refusal(api.get(f"{EVENTS}?bukket=all")) == (422, "INVALID_INPUT", ["bukket"])


def test_they_do_not_exist_for_a_stranger_and_are_not_started_by_a_viewer(
    api: ApiCaller, stranger: ApiCaller, viewer: ApiCaller, team: Project, at: datetime
) -> None:
    make_ended(team, 2, at=at)
    made = start(api)
    assert stranger.get(f"{EVENTS}/{made['id']}").status_code == 404
    assert stranger.post(f"{EVENTS}/{made['id']}/cancel").status_code == 404
    assert stranger.get(EVENTS).json()["models"] == []
    for path in (EVENTS, f"{EVENTS}/plan"):
        answer = stranger.post(path, {"connection_id": team.connection.id})
        assert refusal(answer) == (422, "INVALID_INPUT", ["connection_id"])
    assert start(stranger)["total_count"] == 0
    assert viewer.get(f"{EVENTS}/{made['id']}").status_code == 200
    assert viewer.get(f"{EVENTS}/plan?from=now-1h").json()["count"] == 2
    assert viewer.post(EVENTS, {"from": "now-2h"}).status_code == 403
    assert viewer.post(f"{EVENTS}/{made['id']}/cancel").status_code == 403


def test_a_plan_counts_samples_and_forecasts_and_changes_nothing(
    api: ApiCaller, team: Project, at: datetime, nudges: list[str]
) -> None:
    team.destination.rate_limit, team.destination.rate_limit_period = 30, "minute"
    team.destination.save()
    paused = ConnectionFactory(team=team.team, paused_at=at)
    ids = make_ended(team, 12, at=at)
    make_ended(team, 3, at=at, connection_id=paused.id, destination_id=paused.destination_id)
    plan = api.post(f"{EVENTS}/plan", {**RECENT, "source_id": [team.source.id]}).json()
    assert plan["count"] == 12
    plan = api.post(f"{EVENTS}/plan", RECENT).json()
    assert (plan["type"], plan["count"], plan["count_exact"]) == ("event_bulk_retry", 15, True)
    assert plan["blocked"] == {"CONNECTION_PAUSED": 3}
    assert plan["destinations"] == [
        {
            "destination_id": team.destination.id,
            "name": "destination",
            "count": 12,
            "waiting_count": 0,
            "per_second": 0.5,
            "duration_s": 24.0,
        }
    ]
    assert plan["estimated_duration_s"] == 24.0
    assert plan["applied_range"] == {"from": plan["filter"]["from"], "to": plan["filter"]["to"]}
    sampled = [row["id"] for row in plan["sample"]]
    assert (len(sampled), sampled) == (10, sorted(sampled, reverse=True))
    assert set(sampled) - set(ids) <= set(Event.objects.values_list("id", flat=True))
    again = api.get(f"{EVENTS}/plan?from=now-1h").json()
    assert (again["count"], again["destinations"]) == (15, plan["destinations"])
    assert (nudges, BulkOperation.objects.count(), Event.objects.filter(status="FAILED").count()) == ([], 0, 15)


def test_a_forecast_counts_what_waits_and_how_long_answers_took(api: ApiCaller, team: Project, at: datetime) -> None:
    team.destination.max_concurrency = 2
    team.destination.save()
    for event_id in make_ended(team, 6, at=at):
        make_attempt(Event.objects.get(id=event_id), at, latency=500)
    waiting = make_event(make_request(team, at), team, at)
    DeliveryJob.objects.create(
        event_id=waiting.id,
        team_id=team.team.id,
        request_id=waiting.request_id,
        source_id=waiting.source_id,
        connection_id=waiting.connection_id,
        destination_id=waiting.destination_id,
        rank=1,
        due_at=at,
        attempt_number=1,
        trigger="INITIAL",
        body_size=0,
    )
    (destination,) = api.get(f"{EVENTS}/plan?from=now-1h").json()["destinations"]
    assert (destination["count"], destination["waiting_count"]) == (6, 1)
    assert (destination["per_second"], destination["duration_s"]) == (4.0, 1.8)


def test_a_plan_beyond_the_bound_is_an_estimate_and_says_so(
    api: ApiCaller, team: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "COUNT_UP_TO", 49)
    for number in range(100):
        moment = now - timedelta(seconds=100 - number)
        make_event(make_request(team, moment), team, moment, status="FAILED", attempts=1)
    plan = api.post(f"{EVENTS}/plan", {"from": iso(now - timedelta(seconds=101)), "status": "FAILED"}).json()
    assert plan["count_exact"] is False
    assert plan["count"] == pytest.approx(100, abs=6)
    shown = start(api, **{"from": iso(now - timedelta(seconds=101)), "status": "FAILED"})
    assert (shown["total_exact"], shown["total_count"]) == (False, pytest.approx(100, abs=6))


def test_a_plan_of_requests_counts_every_live_branch(api: ApiCaller, team: Project, at: datetime) -> None:
    ConnectionFactory(team=team.team, source=team.source, disabled_at=at)
    other = ConnectionFactory(team=team.team, source=team.source)
    disabled = ConnectionFactory(team=team.team)
    disabled.source.disabled_at = at
    disabled.source.save()
    for _ in range(4):
        make_request(team, at)
    make_request(team, at, source_id=disabled.source_id)
    plan = api.post(f"{REQUESTS}/plan", RECENT).json()
    assert (plan["type"], plan["count"], plan["blocked"]) == ("request_bulk_retry", 5, {"SOURCE_DISABLED": 1})
    counted = {each["destination_id"]: each["count"] for each in plan["destinations"]}
    assert counted == {team.destination.id: 4, other.destination_id: 4}
    assert plan["sample"][0]["events_count"] == 0
    assert api.get(f"{REQUESTS}/plan?source_id={team.source.id}&status=rejected").json()["count"] == 0


def test_a_plan_of_a_cancel_takes_what_waits(api: ApiCaller, team: Project, at: datetime) -> None:
    make_ended(team, 2, at=at, status="HOLD")
    make_ended(team, 1, at=at)
    plan = api.get(f"{EVENTS}/plan?from=now-1h&type=event_bulk_cancel").json()
    assert (plan["type"], plan["count"], plan["destinations"]) == ("event_bulk_cancel", 2, [])
    assert plan["filter"]["status"] == "FAILED,HOLD,QUEUED,SCHEDULED"


def test_who_started_and_who_cancelled_it_is_in_the_audit_log(api: ApiCaller, team: Project) -> None:
    made = start(api)
    api.post(f"{EVENTS}/{made['id']}/cancel")
    entries = AuditEntry.objects.filter(resource_id=made["id"]).order_by("id")
    assert [(each.action, each.resource_type, each.team_id) for each in entries] == [
        ("bulk_operation.started", "bulk_operation", team.team.id),
        ("bulk_operation.cancelled", "bulk_operation", team.team.id),
    ]
    assert entries[0].after == {"type": "event_bulk_retry", "filter": made["filter"], "total_count": 0}


def test_beat_wakes_the_worker_for_what_is_due(api: ApiCaller, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr("events.housekeeping.insist", woken.append)
    made = start(api)
    BulkOperation.objects.update(lease_until=now + timedelta(minutes=1))
    nudge_due_stages()
    assert woken == []
    BulkOperation.objects.update(lease_until=now - timedelta(seconds=1))
    nudge_due_stages()
    assert woken == ["bulk"]
    assert made["cancelable"]


def test_they_are_kept_as_long_as_events(api: ApiCaller, now: datetime, settings: Any) -> None:
    kept, gone, running = start(api), start(api, status="FAILED"), start(api, REQUESTS)
    days = settings.RETENTION_DAYS_BY_TABLE["events"]
    for made, age in ((kept, days - 1), (gone, days + 1)):
        over = now - timedelta(days=age)
        BulkOperation.objects.filter(id=made["id"]).update(status="COMPLETED", finished_at=over)
    for made in (kept, gone):
        BulkOutcome.objects.create(operation_id=made["id"], done=2, failed=1)
    keep_house(now=now)
    assert set(BulkOperation.objects.values_list("id", flat=True)) == {kept["id"], running["id"]}
    assert api.get(f"{EVENTS}/{kept['id']}").json()["done_count"] == 2
    assert not BulkOutcome.objects.exists()
