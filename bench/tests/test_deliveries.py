"""The bookkeeping finds every lost, late, repeated and forked delivery, and invents none."""

from bench.deliveries import account
from bench.receiver_server import Record


def arrival(
    seq: int, *, event: str = "", planned_us: int = 1_000_000, after_us: int = 5_000, status: int = 200
) -> Record:
    return (f"load.{seq:08d}", event or f"evt_{seq}", planned_us, planned_us + after_us, status)


def test_everything_arrived_once_is_sound() -> None:
    delivered = account([0, 1, 2], [arrival(0), arrival(1), arrival(2)])
    assert (delivered.arrived, delivered.missing, delivered.repeats, delivered.forks, delivered.unaccepted) == (
        3,
        0,
        0,
        0,
        0,
    )


def test_an_accepted_request_that_never_arrived_is_missing() -> None:
    assert account([0, 1, 2], [arrival(0), arrival(2)]).missing == 1


def test_an_arrival_answered_503_does_not_count_as_delivered() -> None:
    delivered = account([0], [arrival(0, status=503)])
    assert (delivered.arrived, delivered.missing) == (0, 1)


def test_a_retry_after_a_failure_is_no_repeat() -> None:
    delivered = account([0], [arrival(0, status=503), arrival(0)])
    assert (delivered.arrived, delivered.repeats) == (1, 0)


def test_an_event_that_arrives_again_after_success_is_a_repeat_each_time() -> None:
    assert account([0], [arrival(0), arrival(0), arrival(0)]).repeats == 2


def test_a_second_event_of_one_request_is_a_fork_and_no_repeat() -> None:
    delivered = account([0], [arrival(0, event="evt_a"), arrival(0, event="evt_b")])
    assert (delivered.forks, delivered.repeats, delivered.arrived) == (1, 0, 1)


def test_an_arrival_whose_answer_was_lost_is_unaccepted_and_not_an_error() -> None:
    delivered = account([0], [arrival(0), arrival(1)])
    assert (delivered.unaccepted, delivered.missing) == (1, 0)


def test_latency_runs_from_the_planned_time_to_the_first_arrival() -> None:
    first = arrival(0, planned_us=1_000_000, after_us=25_000)
    again = arrival(0, planned_us=1_000_000, after_us=900_000)
    assert account([0], [first, again]).latencies_s == [0.025]


def test_arrivals_are_counted_up_to_a_moment() -> None:
    records = [arrival(seq, planned_us=0, after_us=after_us) for seq, after_us in enumerate((30, 10, 20))]
    delivered = account([0, 1, 2], records)
    assert [delivered.arrived_by(moment_us) for moment_us in (9, 10, 25, 30)] == [0, 1, 2, 3]


def test_what_is_still_waiting_is_late_and_the_rest_is_lost() -> None:
    delivered = account(range(10), [arrival(0)])
    assert delivered.missing == 9
    assert delivered.split_missing(4) == (5, 4)
    assert delivered.split_missing(50) == (0, 9)
    assert delivered.split_missing(0) == (9, 0)
