"""The trace of a request: what happened to it and its branches, in order, and what is to come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connections.models import Transformation
from events.models import DeliveryJob, RouteJob
from events.tests.seed import Project, make_attempt, make_event, make_request
from events.tests.tracing import MINUTE, RETRY, audit, job_of, run_of, save_rules, told, trace
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller
from sources.models import Source
from teams.models import AuditEntry


def test_a_delivery_with_a_retry_is_told_from_start_to_what_is_to_come(
    api: ApiCaller, team: Project, then: datetime, now: datetime
) -> None:
    save_rules(team, [RETRY])
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
    save_rules(team, rules)
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
    save_rules(team, [{"type": "filter", "body": {"a": 1}}, {"type": "delay", "delay": 1000}])
    row = make_request(team, then)
    make_event(row, team, then, status="CANCELLED", ignored_cause=cause, ignored_meta=meta)
    found = trace(api, row.id)
    assert told(found)[4:] == [expected]
    assert meta.items() <= found["timeline"][4]["detail"].items()


def test_a_transformation_that_failed_and_ran_again_is_told_twice(
    api: ApiCaller, team: Project, then: datetime
) -> None:
    save_rules(team, [{"type": "transform", "transformation_id": "trs_1"}, {"type": "filter", "path": "/"}])
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
    save_rules(team, later)
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
