"""When alerts pend, open, last, resolve and are told of: a second at a time, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import transitions
from alerts.evaluation.conditions.observation import Observation
from alerts.evaluation.transitions import NoticeKind, Rule, Standing, advance, due_notice
from alerts.rules.types import RuleConfig, RuleType

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_rule(**values: Any) -> Rule:
    fields: dict[str, Any] = {
        "id": "alr_1",
        "team_id": "tm_1",
        "name": "late",
        "type": RuleType.BACKLOG,
        "config": RuleConfig(threshold=100),
        "for_s": 60,
        "resolve_after_s": 120,
        "repeat_after_s": None,
        "muted_until": None,
        "channel_ids": (),
    }
    return Rule(**{**fields, **values})


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Watch:
    """One rule and one object, looked at again and again."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.standing: list[Standing] = []
        self.unobserved: set[RuleType] = set()
        self.rules = {rule.id: rule}

    def look(self, seconds: float, value: float | None, out_of: int = 0) -> str:
        seen = [] if value is None else [Observation("alr_1", "des_1", "shop", value, out_of=out_of)]
        after = advance(self.rules, seen, self.standing, unobserved=self.unobserved, now=at(seconds))
        state = "NONE"
        for alert in after.kept:
            state = "RESOLVED" if alert.resolved_at else "OPEN" if alert.opened_at else "PENDING"
        self.last = after.kept
        self.standing = [replace(each, id="alt_1") for each in after.kept if each.resolved_at is None]
        return state


def test_an_alert_opens_once_the_condition_has_held_for_long_enough() -> None:
    watch = Watch(make_rule(for_s=60))
    assert [watch.look(seconds, 100) for seconds in (0, 15, 59, 60, 75)] == [
        *("PENDING", "PENDING", "PENDING", "OPEN", "OPEN")
    ]
    assert watch.standing[0].pending_at == at(0)
    assert watch.standing[0].opened_at == at(60)


def test_a_clock_that_was_ahead_for_a_while_neither_keeps_alerts_open_nor_from_opening() -> None:
    day = 86_400
    watch = Watch(make_rule(for_s=60, resolve_after_s=120))
    assert [watch.look(seconds, 100) for seconds in (day, 0, 15, 75)] == ["PENDING", "NONE", "PENDING", "OPEN"]
    assert [watch.look(seconds, 0) for seconds in (day, 100, 115, 220)] == ["OPEN", "OPEN", "OPEN", "RESOLVED"]


def test_a_clock_that_was_ahead_for_a_while_does_not_stop_repeats() -> None:
    told = Standing("alt_1", "alr_1", "des_1", "shop", 100, at(0), opened_at=at(0), notified_at=at(86_400))
    rule = make_rule(repeat_after_s=300)
    assert due_notice(rule, told, now=at(15)) is NoticeKind.REPEATED
    assert due_notice(rule, replace(told, notified_at=at(60)), now=at(15)) is None


def test_without_a_waiting_time_it_opens_at_once() -> None:
    assert Watch(make_rule(for_s=0)).look(0, 100) == "OPEN"


@pytest.mark.parametrize("value", [None, 99.9, 80])
def test_a_pending_alert_comes_to_nothing_when_the_value_is_below_the_threshold(value: float | None) -> None:
    watch = Watch(make_rule(for_s=60))
    watch.look(0, 100)
    assert watch.look(15, value) == "NONE"
    assert watch.look(60, 100) == "PENDING"


def test_an_open_alert_lasts_between_the_two_thresholds_and_resolves_below_both() -> None:
    watch = Watch(make_rule(for_s=0, resolve_after_s=30))
    states = [watch.look(*each) for each in ((0, 100), (15, 80), (30, 79.9), (45, 80), (60, None), (75, None))]
    assert states == ["OPEN"] * 6
    assert watch.look(90, 79) == "RESOLVED"
    [ended] = watch.last
    assert (ended.clear_since, ended.resolved_at, ended.resolution) == (at(60), at(90), "RECOVERED")


def test_a_rule_may_name_where_it_resolves() -> None:
    watch = Watch(make_rule(for_s=0, resolve_after_s=0, config=RuleConfig(threshold=100, resolve_threshold=10)))
    assert [watch.look(*each) for each in ((0, 100), (15, 11), (30, 9))] == ["OPEN", "OPEN", "RESOLVED"]


def test_a_rate_of_too_few_does_not_open_and_does_not_resolve() -> None:
    config = RuleConfig(threshold=50, window_s=300, min_count=20)
    watch = Watch(make_rule(type=RuleType.FAILURE_RATE, config=config, for_s=0, resolve_after_s=0))
    assert watch.look(0, 100, out_of=19) == "NONE"
    assert watch.look(15, 50, out_of=20) == "OPEN"
    assert watch.look(30, 50, out_of=1) == "OPEN"
    assert watch.look(45, None) == "RESOLVED"


@pytest.mark.parametrize("ended", ["RULE_DISABLED", "RULE_DELETED"])
def test_what_is_open_ends_with_its_rule(ended: str) -> None:
    watch = Watch(make_rule(for_s=0))
    watch.look(0, 100)
    watch.rules = {"alr_1": replace(watch.rule, ended=ended)}
    assert watch.look(15, 100) == "RESOLVED"
    assert watch.last[0].resolution == ended


def test_what_is_pending_ends_with_its_rule_and_leaves_nothing() -> None:
    watch = Watch(make_rule())
    watch.look(0, 100)
    watch.rules = {}
    assert watch.look(15, 100) == "NONE"


def test_what_cannot_be_looked_at_stays_as_it_is() -> None:
    watch = Watch(make_rule(for_s=0, resolve_after_s=0))
    watch.look(0, 100)
    watch.unobserved = {RuleType.BACKLOG}
    assert watch.look(15, None) == "OPEN"
    watch.unobserved = {RuleType.FAILURE_RATE}
    assert watch.look(30, None) == "RESOLVED"


def test_a_rule_stands_at_a_bounded_number_of_objects_the_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "MAX_STANDING_PER_RULE", 3)
    rule = make_rule(for_s=0)
    seen = [Observation("alr_1", f"des_{number}", "shop", 100 + number) for number in range(5)]
    old = Standing("alt_1", "alr_1", "des_0", "shop", 100, pending_at=START, opened_at=START)
    after = advance({"alr_1": rule}, seen, [old], unobserved=(), now=at(15))
    assert [alert.object_id for alert in after.kept] == ["des_0", "des_4", "des_3"]
    assert after.left_out == 2


OPEN = Standing("alt_1", "alr_1", "des_1", "shop", 100, pending_at=START, opened_at=START)
RESOLVED = replace(OPEN, resolved_at=at(600), resolution="RECOVERED")


@pytest.mark.parametrize(
    ("rule", "alert", "kind"),
    [
        ({}, OPEN, NoticeKind.OPENED),
        ({}, replace(OPEN, opened_at=None), None),
        ({}, replace(OPEN, notified_at=at(0)), None),
        ({"repeat_after_s": 600}, replace(OPEN, notified_at=at(0)), NoticeKind.REPEATED),
        ({"repeat_after_s": 601}, replace(OPEN, notified_at=at(0)), None),
        ({"repeat_after_s": 600}, replace(OPEN, notified_at=at(0), acknowledged_at=at(1)), None),
        ({}, replace(OPEN, acknowledged_at=at(1)), None),
        ({"muted_until": at(601)}, OPEN, None),
        ({"muted_until": at(600)}, OPEN, NoticeKind.OPENED),
        ({}, replace(OPEN, muted_until=at(601)), None),
        ({}, RESOLVED, None),
        ({}, replace(RESOLVED, notified_at=at(0)), NoticeKind.RESOLVED),
        ({}, replace(RESOLVED, notified_at=at(0), acknowledged_at=at(1)), NoticeKind.RESOLVED),
        ({"muted_until": at(601)}, replace(RESOLVED, notified_at=at(0)), None),
    ],
)
def test_who_is_told_what(rule: dict[str, Any], alert: Standing, kind: NoticeKind | None) -> None:
    assert due_notice(make_rule(**rule), alert, now=at(600)) == kind


@given(values=st.lists(st.one_of(st.none(), st.floats(0, 200)), max_size=60), for_s=st.sampled_from([0, 30, 60]))
def test_no_alert_opens_that_did_not_hold_all_the_time(values: list[float | None], for_s: int) -> None:
    watch = Watch(make_rule(for_s=for_s, resolve_after_s=45))
    states = [watch.look(15 * index, value) for index, value in enumerate(values)]
    for index, state in enumerate(states):
        if state == "OPEN" and (index == 0 or states[index - 1] in ("NONE", "PENDING", "RESOLVED")):
            held = values[index - for_s // 15 : index + 1]
            assert len(held) == for_s // 15 + 1
            assert all(value is not None and value >= 100 for value in held)
        if state == "RESOLVED":
            clear = values[index - 3 : index + 1]
            assert all(value is None or value < 80 for value in clear)
