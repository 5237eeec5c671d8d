"""What a delivery worker claims next, by what it holds and what the last claims brought."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from events.intake import Intake
from events.lanes import Lane
from events.queue import Claim, ClaimedJob


@pytest.fixture
def intake(settings: Any) -> Intake:
    settings.DELIVER_IN_FLIGHT, settings.DELIVER_CLAIM, settings.DELIVER_CLAIM_BYTES = 100, 40, 1_000_000
    return Intake(uuid4())


def job(*, is_bulk: bool, body_size: int = 10) -> ClaimedJob:
    made = ClaimedJob.__new__(ClaimedJob)
    for name, value in {"destination_id": "des_1", "is_bulk": is_bulk, "body_size": body_size}.items():
        object.__setattr__(made, name, value)
    return made


def note(intake: Intake, *, live: int = 0, bulk: int = 0, scanned_to: str = "") -> None:
    request = intake.plan()
    jobs = [job(is_bulk=False)] * live + [job(is_bulk=True)] * bulk
    for each in jobs:
        intake.hold(each)
    intake.note(request, Claim(jobs, 1, scanned_to))


@pytest.mark.parametrize(
    ("held", "room", "bulk_room"), [(0, 40, 40), (50, 40, 25), (60, 40, 15), (70, 30, 0), (99, 1, 0)]
)
def test_the_last_quarter_is_kept_from_bulk_work_and_little_of_it_is_not_worth_a_claim(
    intake: Intake, held: int, room: int, bulk_room: int
) -> None:
    intake.load = held
    assert (intake.room, intake.bulk_room) == (room, bulk_room)
    assert (intake.plan().limit, intake.plan().bulk_limit) == (room, bulk_room)


def test_however_little_a_worker_may_hold_bulk_work_has_its_turn(intake: Intake, settings: Any) -> None:
    settings.DELIVER_IN_FLIGHT = 1
    assert intake.bulk_room == 1


def test_large_bodies_keep_bulk_work_out_before_they_keep_live_traffic_out(intake: Intake) -> None:
    intake.hold(job(is_bulk=True, body_size=1_000_000))
    assert (intake.room, intake.bulk_room) == (40, 0)
    intake.hold(job(is_bulk=False, body_size=1_000_000))
    assert intake.room == 0
    intake.let_go(job(is_bulk=True, body_size=1_000_000))
    assert (intake.room, intake.load) == (40, 1)


def test_a_claim_that_took_all_it_might_is_followed_by_the_next(intake: Intake) -> None:
    note(intake, live=40)
    assert intake.goes_on
    note(intake, live=3)
    assert not intake.goes_on
    note(intake, scanned_to="des_9")
    assert intake.goes_on
    intake.note_failure()
    assert (intake.goes_on, intake.plan().scan_after) == (False, "")


def test_bulk_work_goes_on_while_it_has_room_and_is_remembered_while_it_has_none(intake: Intake) -> None:
    note(intake, bulk=40)
    note(intake, bulk=35)
    assert (intake.load, intake.bulk_room, intake.goes_on, intake.wants_more) == (75, 0, False, False)
    note(intake, live=2)
    for _ in range(40):
        intake.let_go(job(is_bulk=True))
    assert (intake.bulk_room > 0, intake.goes_on) == (True, True)
    note(intake, bulk=1)
    assert not intake.goes_on


def test_lanes_that_have_nothing_and_want_nothing_are_forgotten(intake: Intake) -> None:
    idle, hungry = Lane("des_1", max_concurrency=5), Lane("des_2", max_concurrency=5, hungry=True)
    intake.lanes = {"des_1": idle, "des_2": hungry}
    intake.forget_idle_lanes()
    assert list(intake.lanes) == ["des_2"]
    note(intake)
    intake.forget_idle_lanes()
    assert not intake.lanes
