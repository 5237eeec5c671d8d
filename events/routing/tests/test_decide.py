from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connections.catalog import ConnectionEntry
from connections.rules.compile import CompiledRules, compile_rules
from connections.rules.payload import RuleInput
from events.routing.decide import Branch, RoutableRequest, begin_branch, finish_branch, looks_at_payload
from events.routing.dedup import Window, judge_windows
from events.states import Status

NOW = datetime(2026, 5, 29, 10, tzinfo=UTC)
ENABLED = frozenset({"des_1"})
DEDUP = {"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}
FILTER = {"type": "filter", "body": {"kind": "wanted"}}
DELAY = {"type": "delay", "delay": 5000}


def payload(body: Any) -> RuleInput:
    return RuleInput(method="POST", path="/", query={}, headers={}, body=body)


def request(number: int = 1, body: Any = None, *, after_s: float = 0, claim_count: int = 1) -> RoutableRequest:
    at = NOW + timedelta(seconds=after_s)
    return RoutableRequest(
        f"req_{number:04d}", "src_1", at, body_size=9, claim_count=claim_count, payload=payload(body)
    )


def entry(*rules: dict[str, Any], **values: Any) -> ConnectionEntry:
    made = ConnectionEntry(
        id="conn_1",
        team_id="tm_1",
        name="c",
        source_id="src_1",
        destination_id="des_1",
        enabled=True,
        paused=False,
        rules=compile_rules(rules),
    )
    return replace(made, **values)


def decide(connection: ConnectionEntry, asked: RoutableRequest, *, enabled: frozenset[str] = ENABLED) -> Branch:
    return finish_branch(begin_branch(asked, connection, enabled=enabled))


def test_what_passes_is_queued_since_its_request_came() -> None:
    branch = decide(entry(), request())
    assert (branch.status, branch.due_at, branch.ignored_cause, branch.failure_message) == (
        Status.QUEUED,
        NOW,
        None,
        None,
    )


def test_a_delay_counts_from_the_request() -> None:
    branch = decide(entry(DELAY), request())
    assert (branch.status, branch.due_at) == (Status.SCHEDULED, NOW + timedelta(seconds=5))


@pytest.mark.parametrize("rules", [(), (DELAY,)])
def test_a_paused_connection_holds(rules: tuple[dict[str, Any], ...]) -> None:
    branch = decide(entry(*rules, paused=True), request())
    assert (branch.status, branch.due_at) == (Status.HOLD, None)


@pytest.mark.parametrize("paused", [True, False])
def test_what_the_filter_refuses_is_ignored_and_says_which_target(paused: bool) -> None:
    branch = decide(entry(FILTER, DELAY, paused=paused), request(body={"kind": "other"}))
    assert (branch.status, branch.due_at, branch.ignored_cause, branch.ignored_meta) == (
        Status.CANCELLED,
        None,
        "FILTERED",
        {"failed_targets": ["body"]},
    )


def test_a_disabled_destination_comes_before_every_rule() -> None:
    branch = decide(entry(DEDUP, FILTER, DELAY, paused=True), request(claim_count=9), enabled=frozenset())
    assert (branch.status, branch.ignored_cause, branch.ignored_meta, branch.dedup_key) == (
        Status.CANCELLED,
        "DESTINATION_DISABLED",
        {"destination_id": "des_1"},
        None,
    )


def test_a_request_that_ended_its_worker_three_times_fails() -> None:
    assert decide(entry(), request(claim_count=3)).status is Status.QUEUED
    branch = decide(entry(DEDUP), request(claim_count=4, body={"id": 1}))
    assert (branch.status, branch.due_at, branch.dedup_key) == (Status.FAILED, None, None)
    assert branch.failure_message == "INTERNAL_ERROR: routing this request ended its worker 3 times"


def test_rules_that_cannot_be_read_fail_the_branch_and_never_let_it_pass() -> None:
    branch = decide(entry(fault="its rules cannot be read (KeyError: 'count')"), request())
    assert (branch.status, branch.due_at) == (Status.FAILED, None)
    assert branch.failure_message == "INTERNAL_ERROR: its rules cannot be read (KeyError: 'count')"


class Broken:
    def evaluate(self, source: RuleInput) -> Any:
        raise RecursionError


def test_a_rule_that_raises_fails_its_own_branch_only() -> None:
    broken = entry(id="conn_2", rules=CompiledRules(filter=Broken()))  # type: ignore[arg-type]
    branches = [decide(each, request()) for each in (entry(), broken)]
    assert [branch.status for branch in branches] == [Status.QUEUED, Status.FAILED]
    assert branches[1].failure_message == "INTERNAL_ERROR: a rule could not be evaluated (RecursionError)"


@pytest.mark.parametrize(("rules", "looks"), [((), False), ((DELAY,), False), ((DEDUP,), True), ((FILTER,), True)])
def test_payloads_are_read_only_for_rules_that_look_at_them(rules: tuple[dict[str, Any], ...], looks: bool) -> None:
    assert looks_at_payload(entry(*rules)) is looks


def deduplicated(*asked: RoutableRequest, stored: dict[tuple[str, bytes], Window] | None = None, **values: Any) -> Any:
    branches = [decide(entry(DEDUP, **values), each) for each in asked]
    judged, opened = judge_windows(branches, stored or {})
    return [branch.ignored_meta and branch.ignored_meta["first_request_id"] for branch in judged], opened


def test_repeats_within_a_batch_name_the_first_of_them() -> None:
    metas, opened = deduplicated(*(request(number, {"id": 7}, after_s=number) for number in (1, 2, 3)))
    assert metas == [None, "req_0001", "req_0001"]
    assert list(opened.values()) == [Window("req_0001", NOW + timedelta(seconds=61))]


def test_the_window_is_fixed_from_the_first_and_not_moved_by_repeats() -> None:
    metas, opened = deduplicated(
        *(request(number, {"id": 7}, after_s=after) for number, after in ((1, 0), (2, 59.999), (3, 60)))
    )
    assert metas == [None, "req_0001", None]
    assert list(opened.values()) == [Window("req_0003", NOW + timedelta(seconds=120))]


def test_different_keys_and_missing_fields_are_no_repeats() -> None:
    metas, opened = deduplicated(request(1, {"id": 7}), request(2, {"id": 8}), request(3, {}), request(4, {}))
    assert metas == [None] * 4
    assert len(opened) == 2


def test_a_stored_window_counts_until_it_ends() -> None:
    first = decide(entry(DEDUP), request(1, {"id": 7}))
    assert first.dedup_key is not None
    name = ("conn_1", first.dedup_key)
    stored = {name: Window("req_0000", NOW + timedelta(seconds=10))}
    assert deduplicated(request(1, {"id": 7}, after_s=9), stored=stored) == (["req_0000"], {})
    metas, opened = deduplicated(request(1, {"id": 7}, after_s=10), stored=stored)
    assert (metas, list(opened)) == ([None], [name])


def test_a_request_accepted_before_the_windows_first_but_routed_later_is_a_repeat() -> None:
    first = decide(entry(DEDUP), request(5, {"id": 7}, after_s=5))
    assert first.dedup_key is not None
    stored = {("conn_1", first.dedup_key): Window("req_0005", NOW + timedelta(seconds=65))}
    assert deduplicated(request(1, {"id": 7}), stored=stored) == (["req_0005"], {})


def test_branches_are_judged_in_the_order_of_acceptance_and_returned_in_their_own() -> None:
    metas, _ = deduplicated(request(3, {"id": 7}, after_s=3), request(1, {"id": 7}, after_s=1))
    assert metas == ["req_0001", None]


def test_what_the_filter_refused_still_opens_the_window() -> None:
    branches = [
        decide(entry(DEDUP, FILTER), request(1, {"id": 7, "kind": "other"})),
        decide(entry(DEDUP, FILTER), request(2, {"id": 7, "kind": "wanted"})),
    ]
    judged, _ = judge_windows(branches, {})
    assert [branch.ignored_cause for branch in judged] == ["FILTERED", "DEDUPLICATED"]


def test_a_duplicate_for_a_paused_connection_is_ignored_not_held() -> None:
    branches = [decide(entry(DEDUP, paused=True), request(number, {"id": 7})) for number in (1, 2)]
    judged, _ = judge_windows(branches, {})
    assert [(branch.status, branch.due_at) for branch in judged] == [(Status.HOLD, None), (Status.CANCELLED, None)]


def test_connections_do_not_share_windows() -> None:
    branches = [decide(entry(DEDUP, id=name), request(1, {"id": 7})) for name in ("conn_1", "conn_2")]
    judged, opened = judge_windows(branches, {})
    assert [branch.ignored_cause for branch in judged] == [None, None]
    assert len(opened) == 2
