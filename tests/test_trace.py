"""The trace of requests that the running product has taken in, held, released, failed and retried."""

from __future__ import annotations

from tests.account import Account
from tests.receiver import Answer, Receiver

RETRY_IN_AN_HOUR = {"type": "retry", "strategy": "linear", "interval": 3_600_000, "count": 2}


def kinds(trace: dict) -> list[str]:
    return [entry["kind"] for entry in trace["timeline"]]


def test_a_request_is_told_from_holding_to_its_retry_to_come(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(503), Answer(200))
    source, _, connection = account.route(receiver.url(), [RETRY_IN_AN_HOUR])
    account.put(f"connections/{connection['id']}/pause")
    request_id = account.accept(source)
    account.wait_for_event(request_id, "HOLD")
    assert kinds(account.get(f"requests/{request_id}/trace"))[-1] == "held"
    account.put(f"connections/{connection['id']}/unpause")
    event = account.wait_for_event(request_id, "FAILED")
    trace = account.get(f"requests/{request_id}/trace")
    told = kinds(trace)
    assert [kind for kind in told if kind not in ("action", "routing")] == [
        "received",
        "verification",
        "branch",
        "held",
        "released",
        "attempt",
        "attempt_planned",
        "retry_possible",
    ]
    assert trace["timeline"][told.index("released")]["title"].endswith("by API key")
    assert trace["timeline"][told.index("attempt")]["detail"]["trigger"] == "UNPAUSE"
    (branch,) = trace["branches"]
    assert (branch["next_attempt_at"], branch["retries_left"]) == (event["next_attempt_at"], 2)

    account.post(f"events/{event['id']}/retry")
    account.wait_for_event(request_id, "SUCCESSFUL")
    trace = account.get(f"requests/{request_id}/trace")
    assert kinds(trace)[-1] == "attempt"
    assert trace["branches"][0]["retries_left"] == 0
    assert any(entry["title"] == "Event retried by API key" for entry in trace["timeline"])


def test_a_replay_is_told_by_both_requests(account: Account, receiver: Receiver) -> None:
    source, _, _ = account.route(receiver.url())
    first = account.accept(source)
    account.wait_for_event(first, "SUCCESSFUL")
    second = account.post(f"requests/{first}/retry")["request_id"]
    account.wait_for_event(second, "SUCCESSFUL")
    assert account.get(f"requests/{first}/trace")["replays"] == [second]
    replay = account.get(f"requests/{second}/trace")["timeline"][0]
    assert (replay["kind"], replay["detail"]) == ("replay_of", {"retry_parent_request_id": first})
