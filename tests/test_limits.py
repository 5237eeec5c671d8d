"""A destination's rate and concurrency hold, whoever and however many deliver."""

from __future__ import annotations

import pytest

from tests.account import Account
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

LIMIT = 20
EVENTS = 100
# What a busy machine may add to or take from the distance of two calls, besides the two percent of the promise.
WINDOW_S = 0.98 - 0.06


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def delivering(breakable: Product, request: pytest.FixtureRequest) -> int:
    workers: int = request.param
    if workers == 2:
        breakable.launch("deliver2")
        breakable.wait_until_announced("deliver2")
    return workers


def test_no_second_has_more_than_the_rate(delivering: int, account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url(), rate_limit=LIMIT, rate_limit_period="second")
    account.accept_many(source, [b'{"n":%d}' % number for number in range(EVENTS)])
    account.wait_for_count(EVENTS, connection_id=connection["id"], status="SUCCESSFUL")
    times = sorted(call.at for call in receiver.calls)
    assert len(times) == EVENTS
    fullest = max(sum(start <= at < start + WINDOW_S for at in times) for start in times)
    assert fullest <= LIMIT
    # Nor much less than it: the slots follow each other without gaps.
    assert (EVENTS - 1) / LIMIT - 0.1 <= times[-1] - times[0] < (EVENTS - 1) / LIMIT + 3
    # What is over the rate waits without an attempt.
    assert {event["attempts"] for event in account.events()} == {1}


def test_a_rate_that_is_raised_is_effective_at_once(account: Account, receiver: Receiver) -> None:
    source, destination, connection = account.route(receiver.url(), rate_limit=1, rate_limit_period="hour")
    account.accept_many(source, [b"{}"] * 5)
    account.wait_for_count(1, connection_id=connection["id"], status="SUCCESSFUL")
    account.patch(f"destinations/{destination['id']}", {"config": {"rate_limit": None}})
    account.wait_for_count(5, connection_id=connection["id"], status="SUCCESSFUL")


def test_no_more_calls_at_once_than_the_concurrency(delivering: int, account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(delay_s=0.05))
    source, _, connection = account.route(receiver.url(), max_concurrency=3)
    account.accept_many(source, [b"{}"] * 60)
    account.wait_for_count(60, connection_id=connection["id"], status="SUCCESSFUL")
    assert receiver.most_in_flight["/"] == 3
    assert len(receiver.calls) == 60


def test_a_hanging_receiver_does_not_hold_up_another(account: Account, receiver: Receiver) -> None:
    receiver.hold("/hanging")
    source = account.source()
    hanging = account.connection(source, account.destination(receiver.url("/hanging"), name="hanging"), name="hanging")
    account.accept_many(source, [b"{}"] * 300)
    wait_until(lambda: receiver.in_flight["/hanging"] == 50, 15, "as many hang as may be in flight (50)")
    other = account.source("other")
    brisk = account.connection(other, account.destination(receiver.url("/brisk"), name="brisk"), name="brisk")
    account.accept_many(other, [b"{}"] * 100)
    account.wait_for_count(100, connection_id=brisk["id"], status="SUCCESSFUL")
    assert receiver.answered["/hanging"] == 0
    assert receiver.most_in_flight["/hanging"] == 50
    assert account.count_events(connection_id=hanging["id"], status="QUEUED") == 300
    receiver.release("/hanging")
    account.wait_for_count(300, connection_id=hanging["id"], status="SUCCESSFUL")
    assert receiver.repeats("/hanging") == receiver.repeats("/brisk") == 0
