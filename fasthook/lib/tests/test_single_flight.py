from __future__ import annotations

import threading

import pytest

from fasthook.lib.single_flight import SingleFlight


def test_the_answer_is_returned_and_an_exception_raised() -> None:
    def fail() -> int:
        raise LookupError("nothing there")

    assert SingleFlight(lambda: 7, patience_s=5)() == 7
    with pytest.raises(LookupError, match="nothing there"):
        SingleFlight(fail, patience_s=5)()


def test_a_question_that_hangs_is_left_alone_and_not_asked_twice() -> None:
    asked: list[int] = []
    over = threading.Event()

    def hang() -> int:
        asked.append(1)
        over.wait(30)
        return 7

    question = SingleFlight(hang, patience_s=0.02)
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.02 s"):
            question()
    assert asked == [1]
    over.set()


def test_an_exception_of_the_question_is_not_taken_for_impatience() -> None:
    def fail() -> int:
        raise TimeoutError("the other side's own")

    with pytest.raises(TimeoutError, match="the other side's own"):
        SingleFlight(fail, patience_s=5)()


@pytest.mark.parametrize(("fresh_s", "answers"), [(60.0, [1, 1]), (0.0, [1, 2])])
def test_an_answer_is_kept_while_it_is_fresh(fresh_s: float, answers: list[int]) -> None:
    given: list[int] = []

    def ask() -> int:
        given.append(1)
        return len(given)

    question = SingleFlight(ask, patience_s=5, fresh_s=fresh_s)
    assert [question(), question()] == answers
