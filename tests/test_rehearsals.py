"""A backtest on the running product: over what really happened, through a stop of its worker, and cancelled."""

from __future__ import annotations

from typing import Any

from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver
from tests.waiting import wait_until

DEDUPLICATE = {"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}
PAID = {"type": "filter", "body": {"kind": "paid"}}
# Long enough that a page of the backtest's requests is several portions.
SLOW = """
const until = Date.now() + 150;
while (Date.now() < until) { }
if (request.body.n === 7) throw new Error("seven");
return request;
"""
REQUESTS = 40


def transform(code: str) -> dict[str, Any]:
    return {"type": "transform", "transformation": {"name": "slow", "code": code}}


def read(account: Account, backtest: dict[str, Any]) -> dict[str, Any]:
    return account.get(f"rehearsals/{backtest['id']}")


def wait_until_over(account: Account, backtest: dict[str, Any]) -> dict[str, Any]:
    wait_until(lambda: read(account, backtest)["finished_at"], 45, lambda: str(read(account, backtest)))
    return read(account, backtest)


def wait_for_progress(account: Account, backtest: dict[str, Any]) -> dict[str, Any]:
    return wait_until(lambda: (found := read(account, backtest))["done_count"] and found, 30, "a page is saved")


def test_changed_rules_are_replayed_over_what_happened(account: Account, receiver: Receiver) -> None:
    rules = [DEDUPLICATE, PAID]
    source, _, connection = account.route(receiver.url(), rules)
    delivered = account.accept(source, b'{"id": 1, "kind": "paid"}')
    account.wait_for_event(delivered, "SUCCESSFUL")
    repeated = account.accept(source, b'{"id": 1, "kind": "paid"}')
    filtered = account.accept(source, b'{"id": 2, "kind": "void"}')
    ignored = {each: account.wait_for_ignored(each)["id"] for each in (repeated, filtered)}

    path = f"connections/{connection['id']}/rehearsals"
    same = wait_until_over(account, account.post(path, {"from": "now-1h"}))
    assert (same["status"], same["changed_count"], same["done_count"]) == ("COMPLETED", 0, 3)
    assert same["was"] == {"delivered": 1, "filtered": 1, "deduplicated": 1, "failed": 0, "none": 0}

    calls = len(receiver.calls)
    void = {"type": "filter", "body": {"kind": "void"}}
    changed = wait_until_over(account, account.post(path, {"from": "now-1h", "rules": [void]}))
    assert changed["would_be"] == {"delivered": 1, "filtered": 2, "deduplicated": 0, "failed": 0}
    assert changed["changes"] == {
        "delivered->filtered": 1,
        "deduplicated->filtered": 1,
        "filtered->delivered": 1,
    }
    samples = {sample["request_id"]: (sample["event_id"], sample["would_be"]) for sample in changed["samples"]}
    assert samples[repeated] == (ignored[repeated], "filtered")
    assert samples[filtered] == (ignored[filtered], "delivered")
    assert samples[delivered][1] == "filtered"
    assert (len(receiver.calls), account.get(f"connections/{connection['id']}")["rules"]) == (calls, rules)


def test_it_goes_on_where_it_stood_when_its_worker_is_stopped(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, connection = account.route(receiver.url(), [PAID])
    bodies = [b'{"n": %d}' % number for number in range(REQUESTS)]
    ids = account.accept_many(source, bodies)
    for each in ids:
        account.wait_for_ignored(each)
    path = f"connections/{connection['id']}/rehearsals"
    started = account.post(path, {"from": "now-1h", "rules": [transform(SLOW)]})
    wait_for_progress(account, started)
    assert breakable.terminate("bulk") == 0
    stood = read(account, started)
    assert stood["status"] == "RUNNING"
    assert 0 < stood["done_count"] < REQUESTS

    breakable.launch("bulk")
    over = wait_until_over(account, started)
    assert over["would_be"] == {"delivered": REQUESTS - 1, "filtered": 0, "deduplicated": 0, "failed": 1}
    assert (over["status"], over["done_count"], over["changed_count"]) == ("COMPLETED", REQUESTS, REQUESTS)
    samples = {sample["request_id"]: sample for sample in over["samples"]}
    assert list(samples) == sorted(ids)
    assert [each for each in ids if "error" in samples[each]] == [ids[7]]
    assert samples[ids[7]]["error"] == "TRANSFORMATION_FAILED: Error: seven"


def test_a_cancelled_one_ends(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url(), [PAID])
    for each in account.accept_many(source, [b'{"n": 1}'] * REQUESTS):
        account.wait_for_ignored(each)
    path = f"connections/{connection['id']}/rehearsals"
    started = account.post(path, {"from": "now-1h", "rules": [transform(SLOW)]})
    wait_for_progress(account, started)
    cancelled = account.post(f"rehearsals/{started['id']}/cancel")
    assert cancelled["status"] == "CANCELLED"
    assert 0 < cancelled["done_count"] < REQUESTS
    # The bulk worker has gone on to the next one, and changed nothing of this.
    assert wait_until_over(account, account.post(path, {"from": "now-1h"}))["status"] == "COMPLETED"
    assert read(account, started) == cancelled
