"""The trace of a request: what happened, in order, and what is to come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connections.models import Connection, Transformation
from events.models import DeliveryJob, RouteJob, TransformationExecution
from events.tests.explaining import explained
from events.tests.seed import Project, build_attempt, id_at, make_attempt, make_event, make_request
from events.trace.reading import read_evidence
from fasthook.lib.clock import iso, utc_now
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller
from sources.models import Source
from teams.models import AuditEntry

MINUTE = timedelta(minutes=1)
RETRY = {"type": "retry", "strategy": "linear", "interval": 60_000, "count": 3}


@pytest.fixture
def then(now: datetime) -> datetime:
    moment = now - 30 * MINUTE
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def trace(api: ApiCaller, request_id: str, **params: Any) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in params.items())
    answer = api.get(f"/v1/requests/{request_id}/trace?{query}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def told(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["title"]) for entry in found["timeline"]]


def audit(team: Project, action: str, resource_id: str, at: datetime, **values: Any) -> AuditEntry:
    return AuditEntry.objects.create(
        id=id_at("aud", at),
        team_id=team.team.id,
        action=action,
        actor_type="member",
        actor_label="maya@example.com",
        resource_type=action.partition(".")[0],
        resource_id=resource_id,
        resource_name="connection" if action.startswith("connection") else "",
        **values,
    )


def rename_rules(team: Project, rules: list[Any]) -> None:
    Connection.objects.filter(pk=team.connection.id).update(rules=rules)


def run_of(request_id: str, event_id: str, team: Project, at: datetime, **values: Any) -> TransformationExecution:
    fields: dict[str, Any] = {
        "id": id_at("txe", at),
        "team_id": team.team.id,
        "transformation_id": "trs_1",
        "connection_id": team.connection.id,
        "request_id": request_id,
        "event_id": event_id,
        "status": "SUCCESSFUL",
        "logs": '[{"level":"log","message":"a\\u0000"},{"level":"log","message":"b"}]',
        "duration_us": 1500,
        "cpu_us": 1,
        "after": "{}",
        "created_at": at,
    }
    return TransformationExecution.objects.create(**{**fields, **values})


def job_of(event: Any, due_at: datetime, **values: Any) -> None:
    fields: dict[str, Any] = {
        "event_id": event.id,
        "team_id": event.team_id,
        "request_id": event.request_id,
        "source_id": event.source_id,
        "connection_id": event.connection_id,
        "destination_id": event.destination_id,
        "rank": 2,
        "due_at": due_at,
        "attempt_number": 2,
        "retry_number": 1,
        "trigger": "AUTOMATIC",
        "body_size": 1,
    }
    DeliveryJob.objects.create(**{**fields, **values})


def test_a_delivery_with_a_retry_is_told_from_start_to_what_is_to_come(
    api: ApiCaller, team: Project, then: datetime, now: datetime
) -> None:
    rename_rules(team, [RETRY])
    row = make_request(team, then, path="/p")
    due = then + 60 * MINUTE
    event = make_event(row, team, then, status="FAILED", attempts=1, next_attempt_at=due, last_attempt_at=then)
    attempt = make_attempt(
        event, then + MINUTE, status="FAILED", response_status=503, error_code="BAD_RESPONSE", latency=45
    )
    job_of(event, due)
    found = trace(api, row.id)
    assert told(found) == [
        ("received", "POST received by source source"),
        ("verification", "Not verified: the source had no authentication"),
        ("routing", "Routed to 1 connection"),
        ("branch", "Branch connection to destination destination"),
        ("attempt", "Attempt 1 failed: answered 503 after 45 ms"),
        ("attempt_planned", "Attempt 2 is due"),
        ("retry_possible", "Attempt 3, if the one before fails"),
        ("retry_possible", "Attempt 4, if the one before fails"),
    ]
    assert [entry["at"] for entry in found["timeline"][-4:]] == [
        iso(time_of(attempt.id)),
        iso(due),
        iso(due + MINUTE),
        iso(due + 2 * MINUTE),
    ]
    assert found["timeline"][4] == {
        "at": iso(time_of(attempt.id)),
        "kind": "attempt",
        "title": "Attempt 1 failed: answered 503 after 45 ms",
        "event_id": event.id,
        "connection_id": team.connection.id,
        "destination_id": team.destination.id,
        "attempt_id": attempt.id,
        "detail": {
            "attempt_number": 1,
            "trigger": "INITIAL",
            "status": "FAILED",
            "response_status": 503,
            "error_code": "BAD_RESPONSE",
            "error_message": None,
            "latency_ms": 45,
        },
    }
    (branch,) = found["branches"]
    assert (branch["event_id"], branch["next_attempt_at"], branch["retries_left"]) == (event.id, iso(due), 3)
    assert (found["count"], found["total"], found["notes"]) == (1, 1, [])
    assert found["request"]["events_count"] == 1
    assert found["timeline"][0]["detail"]["body_size"] == 9


def test_rules_are_told_in_their_order_with_what_they_found(api: ApiCaller, team: Project, then: datetime) -> None:
    Transformation.objects.create(id="trs_1", team=team.team, name="shape", code="return request;")
    rules = [
        {"type": "deduplicate", "window": 5000},
        {"type": "transform", "transformation_id": "trs_1"},
        {"type": "filter", "body": {"a": 1}},
        {"type": "delay", "delay": 60_000},
    ]
    rename_rules(team, rules)
    row = make_request(team, then)
    event = make_event(row, team, then, status="SUCCESSFUL", successful_at=then, has_payload=True)
    run = run_of(row.id, event.id, team, then + timedelta(milliseconds=4))
    entries = [entry for entry in trace(api, row.id)["timeline"] if entry["kind"] == "rule"]
    assert [(entry["title"], entry["detail"]["rule"], entry["detail"]["outcome"]) for entry in entries] == [
        ("Not a duplicate", "deduplicate", "passed"),
        ("Transformation shape changed the request", "transform", "passed"),
        ("The filter matched", "filter", "passed"),
        (f"Delayed until {iso(then + MINUTE)}", "delay", "passed"),
    ]
    assert entries[1]["execution_id"] == run.id
    assert (entries[1]["detail"]["logs_count"], entries[1]["detail"]["duration_ms"]) == (2, 1.5)


@pytest.mark.parametrize(
    ("cause", "meta", "expected"),
    [
        (
            "DEDUPLICATED",
            {"first_request_id": "req_1"},
            ("rule", "Duplicate of req_1, within the window of the deduplicate rule"),
        ),
        ("FILTERED", {"failed_targets": ["body", "path"]}, ("rule", "Filtered out: body, path did not match")),
        ("DESTINATION_DISABLED", {"destination_id": "des_1"}, ("ignored", "Ignored: the destination was disabled")),
    ],
)
def test_an_ignored_branch_says_why(
    api: ApiCaller, team: Project, then: datetime, cause: str, meta: dict[str, Any], expected: tuple[str, str]
) -> None:
    rename_rules(team, [{"type": "filter", "body": {"a": 1}}, {"type": "delay", "delay": 1000}])
    row = make_request(team, then)
    make_event(row, team, then, status="CANCELLED", ignored_cause=cause, ignored_meta=meta)
    found = trace(api, row.id)
    assert told(found)[4:] == [expected]
    assert meta.items() <= found["timeline"][4]["detail"].items()


def test_a_transformation_that_failed_and_ran_again_is_told_twice(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    rename_rules(team, [{"type": "transform", "transformation_id": "trs_1"}, {"type": "filter", "path": "/"}])
    row = make_request(team, then)
    event = make_event(row, team, then, status="SUCCESSFUL", attempts=0, successful_at=then)
    event.updated_at = then + 10 * MINUTE
    event.save()
    run_of(row.id, event.id, team, then, status="FAILED", error="boom", error_kind="THREW", line=3, logs=None)
    run_of(row.id, event.id, team, then + 9 * MINUTE, after=None)
    found = trace(api, row.id)
    assert [title for kind, title in told(found) if kind == "rule"] == [
        "Transformation trs_1 failed: boom",
        "Transformation trs_1, run again, left the request as it was",
        "The filter matched",
    ]
    assert found["timeline"][-1]["at"] == iso(then + 9 * MINUTE)


def test_rules_are_those_of_the_time_of_the_branch_whatever_they_are_now(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    row = make_request(team, then)
    make_event(row, team, then, status="SUCCESSFUL", attempts=0, successful_at=then)
    was, later = [{"type": "filter", "body": {"a": 1}}], [{"type": "delay", "delay": 1000}]
    audit(team, "connection.updated", team.connection.id, then - MINUTE, before={"rules": []})
    audit(team, "connection.updated", team.connection.id, then + MINUTE, before={"name": "x", "rules": was})
    audit(team, "connection.updated", team.connection.id, then + 2 * MINUTE, before={"rules": later})
    rename_rules(team, later)
    assert [title for kind, title in told(trace(api, row.id)) if kind == "rule"] == ["The filter matched"]
    AuditEntry.objects.filter(before__contains='"name"').update(before={"rules": {"omitted": True, "bytes": 40_000}})
    found = trace(api, row.id)
    assert [title for kind, title in told(found) if kind == "rule"] == []
    assert "the rules that it passed are not known any more" in found["notes"][0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"verified": True}, ("verification", "Verified by HMAC")),
        (
            {"status": "rejected", "rejection_cause": "SOURCE_AUTH_FAILED"},
            ("rejected", "Rejected: the source's authentication did not pass (HMAC)"),
        ),
        (
            {"status": "rejected", "rejection_cause": "PAYLOAD_TOO_LARGE", "body": None},
            ("rejected", "Rejected: the body was too large; its headers are stored"),
        ),
        ({"handshake": True}, ("verification", "A provider's handshake, which carries nothing to verify")),
    ],
)
def test_the_verdict_is_told_with_the_scheme_of_then(
    api: ApiCaller, team: Project, then: datetime, values: dict[str, Any], expected: tuple[str, str]
) -> None:
    row = make_request(team, then, **values)
    Source.objects.filter(pk=team.source.id).update(auth_type="BASIC_AUTH")
    audit(team, "source.updated", team.source.id, then + MINUTE, before={"config.auth_type": "HMAC"})
    found = trace(api, row.id)
    assert told(found)[1] == expected
    assert "branch" not in dict(told(found))
    assert ("routing" in dict(told(found))) == (values == {"verified": True})


def test_what_waits_for_routing_differs_from_what_had_nowhere_to_go(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    row = make_request(team, then)
    assert told(trace(api, row.id))[-1] == ("routing", "Waits to be routed")
    RouteJob.objects.filter(pk=row.id).delete()
    assert told(trace(api, row.id))[-1] == ("routing", "Routed to no connection: the source had none that was live")


def test_holding_and_releasing_are_told_with_who_did_it(api: ApiCaller, team: Project, then: datetime) -> None:
    row = make_request(team, then)
    event = make_event(
        row, team, then, status="HOLD", attempts=2, last_attempt_at=then + 8 * MINUTE, updated_at=then + 9 * MINUTE
    )
    make_attempt(event, then + MINUTE, status="FAILED", response_status=None, error_code="TIMEOUT", latency=30_000)
    paused = audit(team, "connection.paused", team.connection.id, then + 2 * MINUTE)
    unpaused = audit(team, "connection.unpaused", team.connection.id, then + 7 * MINUTE)
    make_attempt(event, then + 8 * MINUTE, attempt_number=2, trigger="UNPAUSE", status="FAILED", response_status=500)
    audit(team, "connection.paused", team.connection.id, then + 9 * MINUTE)
    found = trace(api, row.id)
    assert told(found)[4:] == [
        ("attempt", "Attempt 1 failed: TIMEOUT after 30000 ms"),
        ("action", "Connection connection paused by maya@example.com"),
        ("held", "On hold: the connection was paused by maya@example.com"),
        ("action", "Connection connection unpaused by maya@example.com"),
        ("released", "Released: the connection was unpaused by maya@example.com"),
        ("attempt", "Attempt 2 failed: answered 500 after 12 ms"),
        ("action", "Connection connection paused by maya@example.com"),
        ("held", "On hold: the connection was paused by maya@example.com"),
    ]
    held, released = found["timeline"][6], found["timeline"][8]
    assert (held["audit_id"], released["audit_id"]) == (paused.id, unpaused.id)


def test_actions_of_before_and_after_a_branchs_life_are_left_out(api: ApiCaller, team: Project, then: datetime) -> None:
    row = make_request(team, then)
    event = make_event(row, team, then, status="CANCELLED", ignored_cause="CANCELLED_BY_OPERATOR")
    type(event).objects.filter(pk=event.pk).update(updated_at=then + 5 * MINUTE)
    audit(team, "connection.paused", team.connection.id, then - MINUTE)
    audit(team, "destination.updated", team.destination.id, then + MINUTE)
    audit(team, "event.cancelled", event.id, then + 5 * MINUTE)
    audit(team, "destination.disabled", team.destination.id, then + 6 * MINUTE)
    audit(team, "request.retried", row.id, then + 7 * MINUTE)
    found = trace(api, row.id)
    assert told(found)[4:] == [
        ("action", "Destination updated by maya@example.com"),
        ("action", "Event cancelled by maya@example.com"),
        ("cancelled", "Cancelled: CANCELLED_BY_OPERATOR"),
        ("action", "Request retried by maya@example.com"),
    ]


def test_replays_are_told_both_ways(api: ApiCaller, team: Project, other_team: Project, then: datetime) -> None:
    first = make_request(team, then, verified=True)
    second = make_request(
        team, then + MINUTE, retry_parent_request_id=first.id, batch_operation_id="bch_1", verified=True
    )
    make_request(other_team, then + MINUTE, retry_parent_request_id=first.id)
    found = trace(api, first.id)
    assert found["replays"] == [second.id]
    assert found["batch_operation_ids"] == ["bch_1"]
    assert told(found)[-1] == ("replayed_as", "Replayed as another request")
    assert (found["timeline"][-1]["detail"]["request_id"], found["timeline"][-1]["request_id"]) == (second.id, first.id)
    again = trace(api, second.id)
    assert [kind for kind, _ in told(again)] == ["replay_of", "bulk_operation", "received", "verification", "routing"]
    assert again["timeline"][0]["detail"] == {"retry_parent_request_id": first.id}
    assert again["request"]["is_retry"] is True


def test_bulk_operations_that_touched_an_event_are_told_at_their_first_attempt(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    row = make_request(team, then)
    last = then + 3 * MINUTE
    event = make_event(
        row, team, then, status="FAILED", attempts=2, last_attempt_at=last, updated_at=last, batch_operation_id="bch_2"
    )
    for number, operation in ((1, None), (2, "bch_1")):
        at = then + number * MINUTE
        make_attempt(event, at, attempt_number=number, batch_operation_id=operation, trigger="BULK_RETRY")
    found = trace(api, row.id)
    assert found["batch_operation_ids"] == ["bch_1", "bch_2"]
    operations = [entry for entry in found["timeline"] if entry["kind"] == "bulk_operation"]
    assert [(entry["batch_operation_id"], entry["at"]) for entry in operations] == [
        ("bch_1", iso(then + 2 * MINUTE)),
        ("bch_2", iso(last)),
    ]


def test_an_attempt_in_flight_and_an_overdue_one_come_after_what_has_been(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    row = make_request(team, then)
    event = make_event(row, team, then)
    job_of(event, then, rank=1, attempt_number=1, retry_number=0, trigger="INITIAL")
    found = trace(api, row.id)
    assert told(found)[-1] == ("attempt_planned", "Attempt 1 is due")
    assert found["timeline"][-1]["detail"]["due_at"] == iso(then)
    assert found["timeline"][-1]["at"] > iso(then + 29 * MINUTE)
    DeliveryJob.objects.update(rank=0, lease_token="00000000-0000-0000-0000-000000000001")
    found = trace(api, row.id)
    assert told(found)[-1] == ("attempt_planned", "Attempt 1 is in flight")
    assert found["branches"][0]["next_attempt_at"] is None


def fan(team: Project, then: datetime, *, branches: int, attempts: int) -> str:
    row = make_request(team, then)
    for _ in range(branches):
        event = make_event(row, team, then, status="FAILED", attempts=attempts, last_attempt_at=then + 9 * MINUTE)
        made = [build_attempt(event, then + number * timedelta(seconds=1)) for number in range(attempts)]
        type(made[0]).objects.bulk_create(made)
    return row.id


def test_branches_come_in_pages_and_what_belongs_to_the_request_on_the_first(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    request_id = fan(team, then, branches=5, attempts=1)
    first = trace(api, request_id, limit=3)
    assert (first["count"], first["total"], first["pagination"]["dir"]) == (3, 5, "asc")
    assert first["notes"] == ["3 of 5 branches are on this page; pagination.next leads to the next"]
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
    assert len([kind for kind, _ in told(found) if kind == "attempt"]) == 200
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
