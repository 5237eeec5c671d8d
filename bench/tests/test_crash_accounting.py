"""What a fault cost is read from the receiver's records and the two moments of the fault, and from nothing else."""

from bench.crash.accounting import RECORDING_US, Recovery, Struck, count_in_flight, recovery_of
from bench.receiver_server import Record

SECOND_US = 1_000_000
FAULT = Struck(began_us=10 * SECOND_US, over_us=12 * SECOND_US)


def call(seq: int, *, at_s: float, planned_s: float | None = None, status: int = 200) -> Record:
    planned = at_s if planned_s is None else planned_s
    return (f"load.{seq:08d}", f"evt_{seq}", int(planned * SECOND_US), int(at_s * SECOND_US), status)


def test_a_call_is_in_flight_until_its_answer_and_a_moment_of_recording() -> None:
    answer_us = 100_000
    taken_s = 10 - (answer_us + RECORDING_US) / SECOND_US
    records = [
        call(0, at_s=taken_s),
        call(1, at_s=taken_s + 0.001),
        call(2, at_s=10.0),
        call(3, at_s=10.001),
    ]
    assert count_in_flight(records, FAULT, answer_us=answer_us) == 2


def test_a_repeated_call_is_in_flight_each_time_it_is_made() -> None:
    records = [call(0, at_s=9.9), call(0, at_s=9.95)]
    assert count_in_flight(records, FAULT, answer_us=100_000) == 2


def test_the_first_delivery_counts_only_for_what_was_sent_after_the_fault() -> None:
    records = [
        call(0, at_s=12.1, planned_s=11.9),
        call(1, at_s=12.5, planned_s=12.3),
        call(2, at_s=12.4, planned_s=12.2),
    ]
    assert recovery_of(records, [0, 1, 2], FAULT) == Recovery(first_s=0.4, caught_up_s=0.0)


def test_it_has_caught_up_with_the_last_delivery_that_was_held_up() -> None:
    records = [
        call(0, at_s=9.0),
        call(1, at_s=13.0, planned_s=10.5),
        call(2, at_s=15.5, planned_s=12.5),
        call(3, at_s=16.0, planned_s=15.9),
    ]
    assert recovery_of(records, [0, 1, 2, 3], FAULT) == Recovery(first_s=3.5, caught_up_s=3.5)


def test_a_fault_that_holds_nothing_up_needs_no_catching_up() -> None:
    records = [call(0, at_s=9.0), call(1, at_s=12.7, planned_s=12.6)]
    assert recovery_of(records, [0, 1], FAULT).caught_up_s == 0.0


def test_a_delivery_held_up_before_the_end_of_the_fault_is_caught_up_by_its_end() -> None:
    records = [call(0, at_s=11.5, planned_s=10.1), call(1, at_s=12.7, planned_s=12.6)]
    assert recovery_of(records, [0, 1], FAULT).caught_up_s == 0.0


def test_without_a_delivery_after_the_fault_there_is_no_recovery() -> None:
    assert recovery_of([call(0, at_s=9.0)], [0, 1], FAULT).first_s is None


def test_failed_calls_repeats_and_what_was_not_accepted_do_not_tell_of_recovery() -> None:
    records = [
        call(0, at_s=12.2, planned_s=12.1, status=503),
        call(1, at_s=12.3, planned_s=12.1),
        call(2, at_s=9.0),
        call(2, at_s=30.0, planned_s=9.0),
        call(3, at_s=12.6, planned_s=12.5),
    ]
    assert recovery_of(records, [0, 2, 3], FAULT) == Recovery(first_s=0.6, caught_up_s=0.0)
