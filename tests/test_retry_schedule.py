"""Retries against a real receiver: their number, their times, and what ends them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.account import Account
from tests.receiver import Answer, Receiver

GUIDE_CODES = ["429", "500-599", "!501"]


def retry(interval: int, *, strategy: str = "exponential", count: int = 5) -> dict[str, Any]:
    codes = {"response_status_codes": GUIDE_CODES}
    return {"type": "retry", "strategy": strategy, "interval": interval, "count": count, **codes}


def started(attempt: dict[str, Any]) -> float:
    return datetime.fromisoformat(attempt["created_at"]).timestamp() - attempt["latency"] / 1000


def gaps(receiver: Receiver) -> list[float]:
    return [later.at - earlier.at for earlier, later in zip(receiver.calls, receiver.calls[1:], strict=False)]


def test_two_failures_and_a_success_are_three_attempts_on_the_exponential_schedule(
    account: Account, receiver: Receiver
) -> None:
    receiver.script("/", Answer(503), Answer(503), Answer(200))
    source, _, _ = account.route(receiver.url(), [retry(400)])
    event = account.wait_for_event(account.accept(source, b'{"id":1}'), "SUCCESSFUL")
    attempts = account.attempts(event)
    assert [
        (a["attempt_number"], a["trigger"], a["status"], a["response_status"], a["error_code"]) for a in attempts
    ] == [
        (1, "INITIAL", "FAILED", 503, "BAD_RESPONSE"),
        (2, "AUTOMATIC", "FAILED", 503, "BAD_RESPONSE"),
        (3, "AUTOMATIC", "SUCCESSFUL", 200, None),
    ]
    assert (event["attempts"], event["response_status"], event["next_attempt_at"]) == (3, 200, None)
    assert event["error_code"] is None
    first, second = gaps(receiver)
    # Never early; late by no more than beat's tick of a second and some for a busy machine.
    assert 0.4 <= first < 0.4 + 2.5
    assert 0.8 <= second < 0.8 + 2.5
    assert len({call.event_id for call in receiver.calls}) == 1
    assert {call.body for call in receiver.calls} == {b'{"id":1}'}
    assert [call.headers["x-fasthook-attempt-number"] for call in receiver.calls] == ["1", "2", "3"]


def test_retry_after_postpones_further_than_the_rule(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(503, {"Retry-After": "2"}), Answer(200))
    source, _, _ = account.route(receiver.url(), [retry(100, strategy="linear")])
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    [gap] = gaps(receiver)
    assert gap >= 2.0


def test_a_status_that_the_rule_excludes_ends_after_one_attempt(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(501))
    source, _, _ = account.route(receiver.url(), [retry(100)])
    event = account.wait_for_event(account.accept(source), "FAILED")
    assert (event["attempts"], event["next_attempt_at"], event["response_status"]) == (1, None, 501)
    assert event["error_code"] == "BAD_RESPONSE"
    assert len(account.attempts(event)) == 1


def test_a_planned_retry_shows_when_it_is_due(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(500))
    source, _, _ = account.route(receiver.url(), [retry(60_000, strategy="linear", count=1)])
    event = account.wait_for_event(account.accept(source), "FAILED")
    planned = datetime.fromisoformat(event["next_attempt_at"]).timestamp()
    [attempt] = account.attempts(event)
    assert 59 < planned - started(attempt) < 63


def test_what_fails_to_the_end_of_its_schedule_stays_failed(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(500))
    source, _, connection = account.route(receiver.url(), [retry(100, strategy="linear", count=2)])
    request_id = account.accept(source)
    account.wait_for_event(request_id, "FAILED")
    account.wait_for_count(1, connection_id=connection["id"], status="FAILED", error_code="BAD_RESPONSE")
    event = account.wait_for_last_attempt(request_id, 3)
    assert (event["status"], event["next_attempt_at"]) == ("FAILED", None)
    assert [a["response_status"] for a in account.attempts(event)] == [500, 500, 500]


def test_without_a_retry_rule_there_is_one_attempt(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(503, {"Retry-After": "1"}))
    source, _, _ = account.route(receiver.url())
    event = account.wait_for_event(account.accept(source), "FAILED")
    assert (event["attempts"], event["next_attempt_at"]) == (1, None)


def test_a_redirect_is_a_failure_and_is_not_followed(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(302, {"Location": receiver.url("/elsewhere")}))
    source, _, _ = account.route(receiver.url())
    event = account.wait_for_event(account.accept(source), "FAILED")
    assert (event["response_status"], event["error_code"]) == (302, "BAD_RESPONSE")
    assert receiver.at("/elsewhere") == []


def test_a_receiver_that_is_too_slow_is_a_timeout(account: Account, receiver: Receiver) -> None:
    receiver.hold("/")
    source, _, _ = account.route(receiver.url(), timeout=0.3)
    event = account.wait_for_event(account.accept(source), "FAILED")
    assert (event["response_status"], event["error_code"]) == (None, "TIMEOUT")
