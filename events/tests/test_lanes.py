"""A lane decides how much to claim and, where there is a rate, when the next job may start."""

from __future__ import annotations

import pytest

from events.lanes import Lane
from events.queue import ClaimedJob


def lane(*, pace_s: float = 0.0, latency_s: float | None = None) -> Lane:
    return Lane("des_1", max_concurrency=10, pace_s=pace_s, latency_s=latency_s)


@pytest.mark.parametrize(
    ("latency_s", "room"),
    [
        (None, 10),  # not known yet: what it can start at once
        (0.001, 40),  # fast: four rounds
        (0.25, 20),  # two rounds in half a second
        (20.0, 10),  # slow: nothing ahead
    ],
)
def test_a_lane_claims_ahead_as_far_as_it_sends_soon(latency_s: float | None, room: int) -> None:
    assert lane(latency_s=latency_s).room == room


def test_without_a_rate_jobs_start_at_once() -> None:
    without = lane()
    assert [without.wait_before_start(5.0), without.wait_before_start(5.0)] == [0.0, 0.0]


def test_starts_that_come_late_keep_the_pace_and_do_not_crowd_together() -> None:
    paced = lane(pace_s=0.5)
    assert paced.wait_before_start(10.0) == 0.0
    assert paced.wait_before_start(10.1) == pytest.approx(0.392)
    assert paced.wait_before_start(10.5) == 0.0
    # Three slots went by while the worker was busy: one start, not four.
    assert paced.wait_before_start(12.5) == 0.0
    assert paced.wait_before_start(12.5) == pytest.approx(0.492)


def test_bulk_work_that_was_claimed_ahead_starts_when_nothing_else_waits() -> None:
    taken = lane()
    jobs = [claimed(name, batch) for name, batch in (("b1", "bch_1"), ("l1", None), ("b2", "bch_1"), ("l2", None))]
    for job in jobs:
        taken.add(job)
    assert taken.load == 4
    assert [taken.take_next().event_id for _ in range(3)] == ["l1", "l2", "b1"]
    assert ([job.event_id for job in taken.take_all()], taken.has_waiting) == (["b2"], False)


def claimed(event_id: str, batch_operation_id: str | None) -> ClaimedJob:
    job = ClaimedJob.__new__(ClaimedJob)
    object.__setattr__(job, "event_id", event_id)
    object.__setattr__(job, "batch_operation_id", batch_operation_id)
    return job
