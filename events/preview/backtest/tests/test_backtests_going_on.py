"""A backtest goes on exactly where it stood: after a kill, a stop, a lost lease, in turns; and ends when cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection as database

from connections.sandbox.child_process import SandboxUnavailable
from events.preview.backtest import evaluate, history, progress, runner
from events.preview.backtest.runner import Backtester
from events.preview.backtest.services import cancel_backtest
from events.tests.backtesting import DEDUPLICATE, SECOND, answer, drain, found, let_lease_lapse, plan
from events.tests.seed import Project, make_request

TRANSFORM = {"type": "transform", "transformation": {"name": "same", "code": "return request;"}}


class Killed(BaseException):
    """Ends the worker where it is raised, as SIGKILL would: nothing is tidied up."""


class StopsAtOnce(threading.Event):
    """A worker is told to stop while it rests for the first time."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


@pytest.fixture
def start(now: datetime) -> datetime:
    return (now - 7200 * SECOND).replace(second=0, microsecond=0)


@pytest.fixture
def backtester(team: Project) -> Iterator[Backtester]:
    made = Backtester()
    yield made
    made.close()


@pytest.fixture
def chain(team: Project, start: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Repeats 40 s apart under a window of 60 s, on pages of three: each window begins where another had ended. What a
    backtest of them finds."""
    monkeypatch.setattr(history, "PAGE_REQUESTS", 3)
    ids = [make_request(team, start + 40 * number * SECOND).id for number in range(10)]
    return {
        "status": "COMPLETED",
        "total_count": 10,
        "done_count": 10,
        "would_be": {"delivered": 5, "filtered": 0, "deduplicated": 5, "failed": 0},
        "was": {"delivered": 0, "filtered": 0, "deduplicated": 0, "failed": 0, "none": 10},
        "changes": {"none->delivered": 5, "none->deduplicated": 5},
        "changed_count": 10,
        "samples": [
            {"request_id": each, "event_id": None, "was": "none", "would_be": "delivered"}
            if number % 2 == 0
            else {
                "request_id": each,
                "event_id": None,
                "was": "none",
                "would_be": "deduplicated",
                "first_request_id": ids[number - 1],
            }
            for number, each in enumerate(ids)
        ],
    }


Save = Callable[..., bool]


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Save], bool]]:
    """What happens in place of the next pages' saving, one entry a page; then pages are saved as ever."""
    planned: list[Callable[[Save], bool]] = []
    real = progress.save_page

    def save(*args: Any, **kwargs: Any) -> bool:
        def go_on() -> bool:
            return real(*args, **kwargs)

        return planned.pop(0)(go_on) if planned else go_on()

    monkeypatch.setattr(progress, "save_page", save)
    return planned


def as_ever(go_on: Save) -> bool:
    return go_on()


def die_before(go_on: Save) -> bool:
    raise Killed


def die_after(go_on: Save) -> bool:
    go_on()
    raise Killed


@pytest.mark.parametrize(("death", "done"), [(die_before, 3), (die_after, 6)])
def test_after_a_kill_another_worker_goes_on_exactly_where_it_stood(
    team: Project,
    start: datetime,
    chain: dict[str, Any],
    saves: list[Callable[[Save], bool]],
    backtester: Backtester,
    death: Callable[[Save], bool],
    done: int,
) -> None:
    row = plan(team, start, DEDUPLICATE)
    saves += [as_ever, death]
    with pytest.raises(Killed):
        drain(backtester)
    assert (answer(row)["status"], answer(row)["done_count"]) == ("RUNNING", done)
    drain(Backtester())
    assert answer(row)["done_count"] == done, "its lease has not run out yet"
    let_lease_lapse(row)
    drain(Backtester())
    assert found(row) == chain


def test_a_worker_that_stops_hands_over_at_once(team: Project, start: datetime, chain: dict[str, Any]) -> None:
    row = plan(team, start, DEDUPLICATE)

    Backtester().take_turn(StopsAtOnce())
    assert (answer(row)["done_count"], answer(row)["progress"]) == (3, 0.3)
    Backtester().take_turn(StopsAtOnce())
    assert answer(row)["done_count"] == 3, "it was told to stop while it opened the windows anew"
    drain(Backtester())
    assert found(row) == chain


def test_those_that_wait_take_turns_and_keep_their_windows(
    team: Project, start: datetime, chain: dict[str, Any], backtester: Backtester, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [plan(team, start, DEDUPLICATE) for _ in range(2)]
    turns: list[str] = []
    claim = progress.claim

    def claim_noted(token: UUID) -> Any:
        taken = claim(token)
        if taken:
            turns.append(taken[0].id)
        return taken

    monkeypatch.setattr(runner, "TURN_S", 0.0)
    monkeypatch.setattr(progress, "claim", claim_noted)
    monkeypatch.setattr(evaluate.BacktestRules, "pass_over", None)
    drain(backtester)
    assert [found(row) for row in rows] == [chain, chain]
    # Three full pages, one that is not, and the look that finds no more.
    assert turns == [rows[0].id, rows[1].id] * 5


def test_a_worker_that_was_frozen_for_longer_than_its_lease_writes_nothing_more(
    team: Project, start: datetime, chain: dict[str, Any], saves: list[Callable[[Save], bool]], backtester: Backtester
) -> None:
    row = plan(team, start, DEDUPLICATE)

    def freeze(go_on: Save) -> bool:
        let_lease_lapse(row)
        assert progress.claim(uuid4()) is not None
        return go_on()

    saves += [as_ever, freeze]
    drain(backtester)
    assert (answer(row)["status"], answer(row)["done_count"]) == ("RUNNING", 3)
    let_lease_lapse(row)
    drain(backtester)
    assert found(row) == chain


def test_a_cancelled_one_keeps_what_it_had_found_and_ends_at_the_page(
    team: Project, start: datetime, chain: dict[str, Any], saves: list[Callable[[Save], bool]], backtester: Backtester
) -> None:
    row = plan(team, start, DEDUPLICATE)

    def cancel(go_on: Save) -> bool:
        cancel_backtest(row)
        return go_on()

    saves += [as_ever, cancel]
    drain(backtester)
    shown = answer(row)
    assert (shown["status"], shown["done_count"], shown["progress"]) == ("CANCELLED", 3, 0.3)
    assert shown["would_be"] == {"delivered": 2, "filtered": 0, "deduplicated": 1, "failed": 0}
    assert shown["finished_at"] is not None
    assert progress.claim(uuid4()) is None


def test_one_that_ends_its_workers_ends_as_failed(
    team: Project, start: datetime, chain: dict[str, Any], saves: list[Callable[[Save], bool]]
) -> None:
    row = plan(team, start, DEDUPLICATE)
    saves += [as_ever, *[die_before] * 4]
    for _ in range(4):
        with pytest.raises(Killed):
            drain(Backtester())
        let_lease_lapse(row)
    drain(Backtester())
    shown = answer(row)
    assert (shown["status"], shown["done_count"]) == ("FAILED", 3)
    assert shown["failure_message"] == "INTERNAL_ERROR: this rehearsal ended its worker 3 times"


def test_without_a_sandbox_it_waits_and_no_try_is_counted(
    team: Project, start: datetime, backtester: Backtester, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_request(team, start)
    row = plan(team, start, TRANSFORM)

    def unavailable(*_: Any, **__: Any) -> None:
        raise SandboxUnavailable("no room")

    with monkeypatch.context() as patch:
        patch.setattr(backtester._sandbox, "run_batch", unavailable)
        for _ in range(5):
            backtester.take_turn(StopsAtOnce())
    drain(backtester)
    assert found(row)["status"] == "COMPLETED"


def test_a_lost_key_ends_it_as_failed_and_says_so(team: Project, start: datetime, backtester: Backtester) -> None:
    row = plan(team, start, TRANSFORM)
    with database.cursor() as cursor:
        cursor.execute("UPDATE backtest SET sealed = 'written under another key'")
    drain(backtester)
    shown = answer(row)
    assert shown["status"] == "FAILED"
    assert "ENCRYPTION_KEYS" in shown["failure_message"]
