"""Pause, disable and delete take effect on what comes and on what already waits; delay postpones."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.account import Account
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

RETRY_IN_AN_HOUR = {"type": "retry", "strategy": "linear", "interval": 3_600_000, "count": 1}
DELAY_AN_HOUR = {"type": "delay", "delay": 3_600_000}


def test_a_paused_connection_holds_and_unpausing_releases(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url())
    assert account.put(f"connections/{connection['id']}/pause")["paused_at"] is not None
    held = [account.accept(source, b'{"n":%d}' % number) for number in range(3)]
    account.wait_for_count(3, connection_id=connection["id"], status="HOLD")
    assert receiver.calls == []
    assert account.put(f"connections/{connection['id']}/unpause")["paused_at"] is None
    account.wait_for_count(3, connection_id=connection["id"], status="SUCCESSFUL")
    for request_id in held:
        [attempt] = account.attempts(account.wait_for_event(request_id, "SUCCESSFUL"))
        assert (attempt["trigger"], attempt["attempt_number"]) == ("UNPAUSE", 1)
    assert {call.headers["x-fasthook-attempt-trigger"] for call in receiver.calls} == {"UNPAUSE"}
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    assert receiver.calls[-1].headers["x-fasthook-attempt-trigger"] == "INITIAL"


def test_pausing_holds_what_already_waits(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(503), Answer(200))
    source, _, connection = account.route(receiver.url(), [RETRY_IN_AN_HOUR])
    planned = account.accept(source)
    assert account.wait_for_event(planned, "FAILED")["next_attempt_at"] is not None
    account.put(f"connections/{connection['id']}/pause")
    assert account.wait_for_event(planned, "HOLD")["next_attempt_at"] is None
    account.put(f"connections/{connection['id']}/unpause")
    event = account.wait_for_event(planned, "SUCCESSFUL")
    assert [attempt["trigger"] for attempt in account.attempts(event)] == ["INITIAL", "UNPAUSE"]


def test_pausing_lets_attempts_in_flight_finish(account: Account, receiver: Receiver) -> None:
    receiver.hold("/")
    source, _, connection = account.route(receiver.url(), max_concurrency=1)
    first, second = account.accept(source), account.accept(source)
    wait_until(lambda: receiver.in_flight["/"] == 1, 10, "one delivery is in flight")
    account.put(f"connections/{connection['id']}/pause")
    account.wait_for_count(1, connection_id=connection["id"], status="HOLD")
    receiver.release("/")
    statuses = wait_until(
        lambda: finished(account, [first, second]), 10, "the one in flight succeeded, the other is held"
    )
    assert statuses == ["HOLD", "SUCCESSFUL"]
    assert len(receiver.calls) == 1


def finished(account: Account, request_ids: list[str]) -> list[str]:
    events = [account.get(f"requests/{request_id}/events")["models"][0] for request_id in request_ids]
    statuses = sorted(event["status"] for event in events)
    return statuses if "SUCCESSFUL" in statuses else []


@pytest.mark.parametrize(("action", "cause"), [("disable", "CONNECTION_DISABLED"), ("delete", "CONNECTION_DELETED")])
def test_ending_a_connection_cancels_what_waits_with_the_cause(
    account: Account, receiver: Receiver, action: str, cause: str
) -> None:
    source, _, connection = account.route(receiver.url(), [DELAY_AN_HOUR])
    scheduled = account.accept(source)
    account.wait_for_event(scheduled, "SCHEDULED")
    account.put(f"connections/{connection['id']}/pause")
    account.wait_for_event(scheduled, "HOLD")
    account.put(f"connections/{connection['id']}/unpause")
    account.patch(f"connections/{connection['id']}", {"rules": [DELAY_AN_HOUR, RETRY_IN_AN_HOUR]})
    account.wait_for_event(scheduled, "SUCCESSFUL")
    waiting = account.accept(source)
    account.wait_for_event(waiting, "SCHEDULED")
    if action == "delete":
        account.delete(f"connections/{connection['id']}")
    else:
        assert account.put(f"connections/{connection['id']}/disable")["disabled_at"] is not None
    event = account.wait_for_event(waiting, "CANCELLED")
    assert (event["ignored_cause"], event["next_attempt_at"]) == (cause, None)
    later = account.accept(source)
    account.wait_for_event(account.accept(other_route(account, receiver)), "SUCCESSFUL")
    assert account.get(f"requests/{later}")["events_count"] == 0
    assert len(receiver.at("/")) == 1


def other_route(account: Account, receiver: Receiver) -> dict[str, object]:
    """A second route of the team; what goes through it is routed after what came before."""
    source = account.source("other")
    account.connection(source, account.destination(receiver.url("/other"), name="other"), name="other")
    return source


def test_disabling_clears_the_pause_and_cancels_what_is_held(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url())
    account.put(f"connections/{connection['id']}/pause")
    held = account.accept(source)
    account.wait_for_event(held, "HOLD")
    assert account.put(f"connections/{connection['id']}/disable")["paused_at"] is None
    assert account.wait_for_event(held, "CANCELLED")["ignored_cause"] == "CONNECTION_DISABLED"
    assert account.put(f"connections/{connection['id']}/enable")["disabled_at"] is None
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    assert len(receiver.calls) == 1


def test_a_disabled_destination_makes_ignored_branches(account: Account, receiver: Receiver) -> None:
    source, destination, _ = account.route(receiver.url())
    account.put(f"destinations/{destination['id']}/disable")
    branch = account.wait_for_ignored(account.accept(source))
    assert (branch["status"], branch["ignored_cause"]) == ("CANCELLED", "DESTINATION_DISABLED")
    assert branch["ignored_meta"] == {"destination_id": destination["id"]}
    account.put(f"destinations/{destination['id']}/enable")
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    assert len(receiver.calls) == 1


def test_disabling_a_destination_cancels_what_waits_for_it(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(503))
    source, destination, connection = account.route(receiver.url(), [RETRY_IN_AN_HOUR])
    planned = account.accept(source)
    account.wait_for_event(planned, "FAILED")
    account.put(f"destinations/{destination['id']}/disable")
    assert account.wait_for_event(planned, "CANCELLED")["ignored_cause"] == "DESTINATION_DISABLED"
    assert account.get(f"connections/{connection['id']}")["disabled_at"] is None


def test_a_disabled_source_answers_410_and_keeps_evidence(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url())
    account.put(f"sources/{source['id']}/disable")
    account.wait_until_answered(source, 410, timeout_s=1.0)
    assert account.post_once(source).json()["code"] == "SOURCE_DISABLED"
    newest = account.get("requests", source_id=source["id"])["models"][0]
    assert (newest["status"], newest["rejection_cause"]) == ("rejected", "SOURCE_DISABLED")
    assert account.get(f"connections/{connection['id']}")["disabled_at"] is None


def test_a_method_that_is_not_allowed_answers_405_with_those_that_are(account: Account) -> None:
    source = account.source(allowed_http_methods=["POST", "PUT"])
    answer = account.send(source, method="DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, PUT")
    assert answer.json()["code"] == "SOURCE_METHOD_NOT_ALLOWED"
    [row] = account.get("requests")["models"]
    assert (row["status"], row["rejection_cause"]) == ("rejected", "SOURCE_METHOD_NOT_ALLOWED")


def test_a_delay_schedules_and_delivers_not_before(account: Account, receiver: Receiver) -> None:
    source, _, _ = account.route(receiver.url(), [{"type": "delay", "delay": 1500}])
    request_id = account.accept(source)
    scheduled = account.wait_for_event(request_id, "SCHEDULED")
    due = datetime.fromisoformat(scheduled["next_attempt_at"])
    accepted = datetime.fromisoformat(account.get(f"requests/{request_id}")["created_at"])
    assert (due - accepted).total_seconds() == pytest.approx(1.5, abs=0.002)
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    [attempt] = account.attempts(event)
    assert datetime.fromisoformat(attempt["delivered_at"]) >= due
    assert attempt["trigger"] == "INITIAL"


def test_a_deleted_source_is_unknown(account: Account) -> None:
    source = account.source()
    account.accept(source)
    account.delete(f"sources/{source['id']}")
    account.wait_until_answered(source, 404, timeout_s=1.0)
    assert account.post_once(source).json()["code"] == "UNKNOWN_SOURCE"
