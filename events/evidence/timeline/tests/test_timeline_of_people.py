"""What people did, on the timeline: holding and releasing, actions, replays, bulk operations."""

from __future__ import annotations

from datetime import datetime

from events.tests.seed import Project, id_at, make_attempt, make_event, make_request
from events.tests.tracing import MINUTE, audit, told, trace
from fasthook.lib.clock import iso
from fasthook.testing import ApiCaller


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
    second = id_at("bch", then + MINUTE)
    audit(team, "bulk_operation.started", second, then + MINUTE)
    event = make_event(
        row, team, then, status="FAILED", attempts=2, last_attempt_at=last, updated_at=last, batch_operation_id=second
    )
    for number, operation in ((1, None), (2, "bch_1")):
        at = then + number * MINUTE
        make_attempt(event, at, attempt_number=number, batch_operation_id=operation, trigger="BULK_RETRY")
    found = trace(api, row.id)
    assert found["batch_operation_ids"] == sorted(["bch_1", second])
    (started,) = [entry for entry in found["timeline"] if entry["kind"] == "action"]
    assert (started["title"], started["batch_operation_id"]) == (
        "Bulk operation started by maya@example.com",
        second,
    )
    operations = [entry for entry in found["timeline"] if entry["kind"] == "bulk_operation"]
    assert [(entry["batch_operation_id"], entry["at"]) for entry in operations] == [
        ("bch_1", iso(then + 2 * MINUTE)),
        (second, iso(last)),
    ]
