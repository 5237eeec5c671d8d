"""The tally and the windows of a backtest, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connections.catalog import ConnectionEntry
from connections.rules.compile import compile_rules
from events.preview.backtest.tally import MAX_SAMPLES, WOULD_BE, Tally, complete_counts
from events.preview.backtest.verdicts import Comparison, PastBranch, Verdict, judge, verdict_of_past
from events.preview.backtest.windows import LOOK_AT, BacktestWindows
from events.routing.decide import Branch, RoutableRequest
from events.routing.dedup import Window
from events.states import IgnoredCause, Status
from events.tests.seed import id_at

START = datetime(2026, 5, 29, 10, tzinfo=UTC)
MINUTE_MS = 60_000
ENTRY = ConnectionEntry(
    id="conn_1",
    team_id="tm_1",
    name="route",
    source_id="src_1",
    destination_id="des_1",
    enabled=True,
    paused=False,
    rules=compile_rules([{"type": "deduplicate", "window": MINUTE_MS, "include_fields": ["body.id"]}]),
)
DELIVERED = PastBranch("evt_1", "SUCCESSFUL", 1, None, None, is_ignored=False)


def branch_at(seconds: float, *, key: bytes | None = None) -> Branch:
    at = START + timedelta(seconds=seconds)
    request = RoutableRequest(id_at("req", at), "src_1", at, body_size=0, claim_count=0)
    return Branch(f"evt_{seconds}", request, ENTRY, Status.QUEUED, due_at=at, dedup_key=key)


def comparison(was: Verdict, would_be: Verdict, request_id: str = "req_1") -> Comparison:
    return Comparison(request_id, None, was, would_be, branch_at(0))


@pytest.mark.parametrize(
    ("past", "verdict"),
    [
        (None, Verdict.NONE),
        (DELIVERED, Verdict.DELIVERED),
        (replace(DELIVERED, status="HOLD", attempts=0), Verdict.DELIVERED),
        (replace(DELIVERED, status="FAILED", failure_message="BAD_RESPONSE: 500"), Verdict.DELIVERED),
        (replace(DELIVERED, status="FAILED", failure_message="INTERNAL_ERROR: late"), Verdict.DELIVERED),
        (replace(DELIVERED, status="FAILED", attempts=0, failure_message="INTERNAL_ERROR: x"), Verdict.FAILED),
        (replace(DELIVERED, status="FAILED", attempts=0, failure_message="TRANSFORMATION_FAILED: x"), Verdict.FAILED),
        (replace(DELIVERED, status="CANCELLED", ignored_cause="FILTERED", is_ignored=True), Verdict.FILTERED),
        (replace(DELIVERED, status="CANCELLED", ignored_cause="DEDUPLICATED", is_ignored=True), Verdict.DEDUPLICATED),
        (replace(DELIVERED, status="CANCELLED", ignored_cause="DESTINATION_DISABLED", is_ignored=True), Verdict.NONE),
        # A delivery that waited when its destination was disabled.
        (replace(DELIVERED, status="CANCELLED", ignored_cause="DESTINATION_DISABLED"), Verdict.DELIVERED),
    ],
)
def test_an_event_tells_what_became_of_its_request(past: PastBranch | None, verdict: Verdict) -> None:
    assert verdict_of_past(past) is verdict


@pytest.mark.parametrize(
    ("status", "cause", "verdict"),
    [
        (Status.QUEUED, None, Verdict.DELIVERED),
        (Status.SCHEDULED, None, Verdict.DELIVERED),
        (Status.FAILED, None, Verdict.FAILED),
        (Status.CANCELLED, IgnoredCause.FILTERED, Verdict.FILTERED),
        (Status.CANCELLED, IgnoredCause.DEDUPLICATED, Verdict.DEDUPLICATED),
    ],
)
def test_a_finished_branch_tells_what_would_become_of_it(
    status: Status, cause: IgnoredCause | None, verdict: Verdict
) -> None:
    assert judge(replace(branch_at(0), status=status, ignored_cause=cause)) is verdict


def test_what_stays_the_same_is_counted_and_not_sampled() -> None:
    tally = Tally()
    tally.add([comparison(Verdict.FILTERED, Verdict.FILTERED), comparison(Verdict.NONE, Verdict.DELIVERED)])
    assert tally.was == {"filtered": 1, "none": 1}
    assert complete_counts(tally.would_be, WOULD_BE) == {"delivered": 1, "filtered": 1, "deduplicated": 0, "failed": 0}
    assert (tally.changes, tally.changed_count) == ({"none->delivered": 1}, 1)
    assert tally.samples == [{"request_id": "req_1", "event_id": None, "was": "none", "would_be": "delivered"}]


def test_samples_are_spread_over_the_kinds_of_change_however_late_a_kind_comes() -> None:
    tally = Tally()
    tally.add(comparison(Verdict.DELIVERED, Verdict.FILTERED, f"req_a{number}") for number in range(1000))
    tally.add(comparison(Verdict.FILTERED, Verdict.DELIVERED, f"req_b{number}") for number in range(1000))
    tally.add(comparison(Verdict.FILTERED, Verdict.FAILED, f"req_c{number}") for number in range(2))
    kinds = [f"{sample['was']}->{sample['would_be']}" for sample in tally.samples]
    assert len(kinds) == MAX_SAMPLES == 50
    assert kinds == ["delivered->filtered"] * 24 + ["filtered->delivered"] * 24 + ["filtered->failed"] * 2
    assert [sample["request_id"] for sample in tally.samples[:24]] == [f"req_a{number}" for number in range(24)]
    assert tally.changes == {"delivered->filtered": 1000, "filtered->delivered": 1000, "filtered->failed": 2}


def test_a_sample_says_why_and_an_error_is_cut() -> None:
    failed = replace(branch_at(0), status=Status.FAILED, failure_message="TRANSFORMATION_FAILED: " + "x" * 1000)
    sample = Comparison("req_1", "evt_1", Verdict.DELIVERED, Verdict.FAILED, failed).sample()
    assert (len(sample["error"]), sample["event_id"]) == (500, "evt_1")
    meta = {"first_request_id": "req_0"}
    repeat = replace(branch_at(0), status=Status.CANCELLED, ignored_meta=meta)
    assert Comparison("req_1", None, Verdict.NONE, Verdict.DEDUPLICATED, repeat).sample()["first_request_id"] == "req_0"


def test_a_window_opened_on_one_page_holds_on_the_next_until_it_is_over() -> None:
    windows = BacktestWindows()
    windows.open_for([branch_at(0, key=b"k")])
    page = [branch_at(59.999, key=b"k"), branch_at(60, key=b"k"), branch_at(119, key=b"k")]
    assert [branch.is_open for branch in windows.judge(page)] == [False, True, False]
    windows.open_for(page[:2])
    assert windows.judge(page[2:])[0].ignored_meta == {"first_request_id": page[1].request.id}


def test_judging_opens_no_window() -> None:
    windows = BacktestWindows()
    assert windows.judge([branch_at(0, key=b"k")])[0].is_open
    assert windows.judge([branch_at(1, key=b"k")])[0].is_open


def test_windows_that_are_over_are_dropped_and_open_ones_kept() -> None:
    windows = BacktestWindows()
    for second in range(10 * LOOK_AT):
        windows.open_for([branch_at(second, key=str(second).encode())])
    assert len(windows) < LOOK_AT + 60
    last = branch_at(10 * LOOK_AT, key=str(10 * LOOK_AT - 59).encode())
    assert not windows.judge([last])[0].is_open


def test_a_window_is_the_one_of_routing() -> None:
    windows = BacktestWindows()
    first = branch_at(0, key=b"k")
    windows.open_for([first])
    assert windows._open == {("conn_1", b"k"): Window(first.request.id, START + timedelta(minutes=1))}
