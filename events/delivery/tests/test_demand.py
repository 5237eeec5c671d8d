"""What a delivery worker claims next, by what it holds and what the last claims brought."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from events.delivery.demand import Demand
from events.delivery.destination_queue import DestinationQueue
from events.delivery.jobs import Claim, ClaimedJob


@pytest.fixture
def demand(settings: Any) -> Demand:
    settings.DELIVER_IN_FLIGHT, settings.DELIVER_CLAIM, settings.DELIVER_CLAIM_BYTES = 100, 40, 1_000_000
    return Demand(uuid4())


def job(*, is_bulk: bool, body_size: int = 10) -> ClaimedJob:
    made = ClaimedJob.__new__(ClaimedJob)
    for name, value in {"destination_id": "des_1", "is_bulk": is_bulk, "body_size": body_size}.items():
        object.__setattr__(made, name, value)
    return made


def note(demand: Demand, *, live: int = 0, bulk: int = 0, scanned_to: str = "") -> None:
    request = demand.plan()
    jobs = [job(is_bulk=False)] * live + [job(is_bulk=True)] * bulk
    for each in jobs:
        demand.hold(each)
    demand.note(request, Claim(jobs, 1, scanned_to))


@pytest.mark.parametrize(
    ("held", "room", "bulk_room"), [(0, 40, 40), (50, 40, 25), (60, 40, 15), (70, 30, 0), (99, 1, 0)]
)
def test_the_last_quarter_is_kept_from_bulk_work_and_little_of_it_is_not_worth_a_claim(
    demand: Demand, held: int, room: int, bulk_room: int
) -> None:
    demand.load = held
    assert (demand.room, demand.bulk_room) == (room, bulk_room)
    assert (demand.plan().limit, demand.plan().bulk_limit) == (room, bulk_room)


def test_however_little_a_worker_may_hold_bulk_work_has_its_turn(demand: Demand, settings: Any) -> None:
    settings.DELIVER_IN_FLIGHT = 1
    assert demand.bulk_room == 1


def test_large_bodies_keep_bulk_work_out_before_they_keep_live_traffic_out(demand: Demand) -> None:
    demand.hold(job(is_bulk=True, body_size=1_000_000))
    assert (demand.room, demand.bulk_room) == (40, 0)
    demand.hold(job(is_bulk=False, body_size=1_000_000))
    assert demand.room == 0
    demand.let_go(job(is_bulk=True, body_size=1_000_000))
    assert (demand.room, demand.load) == (40, 1)


def test_a_claim_that_took_all_it_might_is_followed_by_the_next(demand: Demand) -> None:
    note(demand, live=40)
    assert demand.goes_on
    note(demand, live=3)
    assert not demand.goes_on
    note(demand, scanned_to="des_9")
    assert demand.goes_on
    demand.note_failure()
    assert (demand.goes_on, demand.plan().scan_after) == (False, "")


def test_bulk_work_goes_on_while_it_has_room_and_is_remembered_while_it_has_none(demand: Demand) -> None:
    note(demand, bulk=40)
    note(demand, bulk=35)
    assert (demand.load, demand.bulk_room, demand.goes_on, demand.wants_more) == (75, 0, False, False)
    note(demand, live=2)
    for _ in range(40):
        demand.let_go(job(is_bulk=True))
    assert (demand.bulk_room > 0, demand.goes_on) == (True, True)
    note(demand, bulk=1)
    assert not demand.goes_on


def test_queues_that_have_nothing_and_want_nothing_are_forgotten(demand: Demand) -> None:
    idle, hungry = (
        DestinationQueue("des_1", max_concurrency=5),
        DestinationQueue("des_2", max_concurrency=5, hungry=True),
    )
    demand.queues = {"des_1": idle, "des_2": hungry}
    demand.forget_idle_queues()
    assert list(demand.queues) == ["des_2"]
    note(demand)
    demand.forget_idle_queues()
    assert not demand.queues
