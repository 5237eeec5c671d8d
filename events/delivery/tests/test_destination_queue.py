"""A queue decides how much to claim and, where there is a rate, when the next job may start."""

from __future__ import annotations

import pytest

from events.delivery.destination_queue import BulkPace, DestinationQueue
from events.delivery.jobs import ClaimedJob, Room
from events.delivery.rate_slots import RateSlots


def queue(*, pace_s: float = 0.0, latency_s: float | None = None) -> DestinationQueue:
    return DestinationQueue("des_1", max_concurrency=10, slots=RateSlots(pace_s=pace_s), latency_s=latency_s)


@pytest.mark.parametrize(
    ("latency_s", "room"),
    [
        (None, 10),  # not known yet: what it can start at once
        (0.001, 40),  # fast: four rounds
        (0.25, 20),  # two rounds in half a second
        (20.0, 10),  # slow: nothing ahead
    ],
)
def test_a_queue_claims_ahead_as_far_as_it_sends_soon(latency_s: float | None, room: int) -> None:
    assert queue(latency_s=latency_s).room == Room(jobs=room, bulk=room)


def test_without_a_rate_jobs_start_at_once() -> None:
    without = queue()
    assert [without.slots.wait_before_start(5.0), without.slots.wait_before_start(5.0)] == [0.0, 0.0]


def test_starts_that_come_late_keep_the_pace_and_do_not_crowd_together() -> None:
    paced = queue(pace_s=0.5)
    assert paced.slots.wait_before_start(10.0) == 0.0
    assert paced.slots.wait_before_start(10.1) == pytest.approx(0.392)
    assert paced.slots.wait_before_start(10.5) == 0.0
    # Three slots went by while the worker was busy: one start, not four.
    assert paced.slots.wait_before_start(12.5) == 0.0
    assert paced.slots.wait_before_start(12.5) == pytest.approx(0.492)


def test_bulk_work_that_was_claimed_ahead_starts_when_nothing_else_waits() -> None:
    taken = queue()
    add(taken, b1=True, l1=False, b2=True, l2=False)
    assert taken.load == 4
    assert [taken.start_next().event_id for _ in range(3)] == ["l1", "l2", "b1"]
    assert ([job.event_id for job in taken.take_all()], taken.may_start_bulk, taken.load) == (["b2"], False, 3)


def test_bulk_work_held_ahead_takes_no_room_from_live_traffic() -> None:
    taken = queue(latency_s=0.001)
    add(taken, **{f"b{number}": True for number in range(40)})
    assert taken.room == Room(jobs=40, bulk=0)
    for _ in range(9):
        taken.start_next()
    assert taken.room == Room(jobs=31, bulk=0)
    add(taken, **{f"l{number}": False for number in range(31)})
    assert taken.room == Room(jobs=0, bulk=0)


def test_bulk_work_leaves_a_tenth_of_the_senders_free() -> None:
    taken = queue()
    add(taken, **{f"b{number}": True for number in range(12)})
    assert drained(taken) == [f"b{number}" for number in range(9)]
    add(taken, l1=False, l2=False)
    assert drained(taken) == ["l1"]
    taken.end(job("b0", is_bulk=True))
    assert drained(taken) == ["l2"]
    taken.end(job("l1", is_bulk=False))
    # Nothing else waits any more, and of the ten senders eight have bulk work.
    assert drained(taken) == ["b9"]


def test_a_queue_with_one_sender_gives_it_to_bulk_work_as_well() -> None:
    taken = DestinationQueue("des_1", max_concurrency=1)
    add(taken, b1=True)
    assert drained(taken) == ["b1"]


def test_a_slot_goes_to_whichever_job_comes_first_when_it_opens() -> None:
    taken = queue(pace_s=0.1)
    add(taken, b1=True, b2=True)
    taken.slots.open = 0
    assert not taken.may_start_bulk
    taken.add(job("l1", is_bulk=False))
    taken.slots.open += 1
    assert drained(taken) == ["l1"]
    taken.slots.open += 1
    assert drained(taken) == ["b1"]


@pytest.mark.parametrize(
    ("hungry", "offered", "taken", "in_bulk", "then"),
    [
        (False, Room(5, 5), 5, 0, True),
        (True, Room(5, 5), 4, 0, False),
        # All the bulk work that there was room for: there may be more of it.
        (False, Room(5, 2), 3, 2, True),
        # A claim without room for bulk work has not looked for it.
        (True, Room(5, 0), 1, 0, True),
        (False, Room(5, 0), 1, 0, False),
    ],
)
def test_a_queue_is_hungry_when_a_claim_may_have_left_something(
    hungry: bool, offered: Room, taken: int, in_bulk: int, then: bool
) -> None:
    asked = queue()
    asked.hungry = hungry
    asked.note_claim(offered, taken=taken, taken_in_bulk=in_bulk)
    assert asked.hungry is then


def test_the_pace_of_bulk_work_grows_while_the_loop_is_punctual_and_halves_when_it_is_late() -> None:
    pace = BulkPace(burst=6)
    seen = []
    for lateness_s in (0.0, 0.004, 0.02, 0.006, 0.5, 0.5, 0.0):
        pace.observe(lateness_s)
        seen.append(pace.burst)
    assert seen == [7, 8, 4, 2, 1, 1, 2]
    for _ in range(100):
        pace.observe(0.0)
    assert pace.burst == 64


def drained(taken: DestinationQueue) -> list[str]:
    started = []
    while taken.may_start or taken.may_start_bulk:
        started.append(taken.start_next().event_id)
    return started


def add(taken: DestinationQueue, **jobs: bool) -> None:
    """Each with its slot open."""
    for event_id, is_bulk in jobs.items():
        taken.add(job(event_id, is_bulk=is_bulk))
        taken.slots.open += 1


def job(event_id: str, *, is_bulk: bool) -> ClaimedJob:
    made = ClaimedJob.__new__(ClaimedJob)
    object.__setattr__(made, "event_id", event_id)
    object.__setattr__(made, "is_bulk", is_bulk)
    return made
