from __future__ import annotations

import copy

import pytest

from connections.rules.spec import SEVEN_DAYS_MS, normalise_rules
from fasthook.lib.errors import InvalidInput

DEDUPLICATE = {"type": "deduplicate", "window": 5000, "include_fields": ["body.id"]}
TRANSFORM = {"type": "transform", "transformation_id": "trs_xxx"}
FILTER = {"type": "filter", "body": {"type": "invoice.paid"}}
DELAY = {"type": "delay", "delay": 1000}
RETRY = {"type": "retry", "strategy": "linear", "count": 5, "interval": 3_600_000}


def faults(rules):
    with pytest.raises(InvalidInput) as refusal:
        normalise_rules(rules)
    assert refusal.value.status == 422
    return refusal.value.fields


def test_rules_come_back_in_the_fixed_order_and_otherwise_unchanged():
    given = [RETRY, DELAY, FILTER, TRANSFORM, DEDUPLICATE]
    before = copy.deepcopy(given)
    assert normalise_rules(given) == [DEDUPLICATE, TRANSFORM, FILTER, DELAY, RETRY]
    assert given == before


@pytest.mark.parametrize(
    "rule",
    [
        DEDUPLICATE,
        {"type": "deduplicate", "window": 1000, "exclude_fields": ["body.at", "headers.x-id"]},
        {"type": "deduplicate", "window": SEVEN_DAYS_MS},
        TRANSFORM,
        {"type": "transform", "transformation": {"name": "enrich", "code": "return request;", "env": {"KEY": "v"}}},
        {"type": "filter", "headers": {"X-Shop": {"startsWith": "a"}}, "query": {"a.b": 1}},
        {"type": "delay", "delay": 0},
        {"type": "delay", "delay": SEVEN_DAYS_MS},
        {**RETRY, "response_status_codes": ["500-599", 429, "!501"]},
        {**RETRY, "interval": 100, "count": 50, "strategy": "exponential", "response_status_codes": []},
    ],
)
def test_normalising_twice_changes_nothing(rule):
    assert normalise_rules([rule]) == [rule]
    assert normalise_rules(normalise_rules([rule])) == [rule]


def test_no_rules_are_no_rules():
    assert normalise_rules(None) == []
    assert normalise_rules([]) == []


def test_transformation_is_a_spelling_of_transform():
    assert normalise_rules([{"type": "transformation", "transformation_id": "trs_1"}]) == [
        {"type": "transform", "transformation_id": "trs_1"}
    ]


def test_what_is_given_as_null_is_not_set():
    rules = [
        {"type": "filter", "body": {"a": 1}, "headers": None, "path": None},
        {"type": "deduplicate", "window": 5000, "include_fields": None, "exclude_fields": ["body.a"]},
        {"type": "transform", "transformation_id": "trs_1", "transformation": None},
        {**RETRY, "response_status_codes": None},
    ]
    assert normalise_rules(rules) == [
        {"type": "deduplicate", "window": 5000, "exclude_fields": ["body.a"]},
        {"type": "transform", "transformation_id": "trs_1"},
        {"type": "filter", "body": {"a": 1}},
        RETRY,
    ]


@pytest.mark.parametrize(
    ("rules", "paths"),
    [
        ("filter", ["rules"]),
        ({"type": "delay"}, ["rules"]),
        ([DELAY] * 6, ["rules"]),
        (["delay"], ["rules[0]"]),
        ([{}], ["rules[0].type"]),
        ([{"type": "fliter", "body": {"a": 1}}], ["rules[0].type"]),
        ([{"type": ["filter"]}], ["rules[0].type"]),
        ([DELAY, DELAY], ["rules[1].type"]),
        ([TRANSFORM, {"type": "transformation", "transformation_id": "trs_2"}], ["rules[1].type"]),
        ([{**DELAY, "dealy": 1}], ["rules[0].dealy"]),
        ([{"type": "delay"}], ["rules[0].delay"]),
        ([{"type": "delay", "delay": -1}], ["rules[0].delay"]),
        ([{"type": "delay", "delay": SEVEN_DAYS_MS + 1}], ["rules[0].delay"]),
        ([{"type": "delay", "delay": True}], ["rules[0].delay"]),
        ([{"type": "delay", "delay": "1000"}], ["rules[0].delay"]),
        ([{"type": "delay", "delay": 1.5}], ["rules[0].delay"]),
        ([DELAY, {**DEDUPLICATE, "window": 999}], ["rules[1].window"]),
        ([{**DEDUPLICATE, "window": SEVEN_DAYS_MS + 1}], ["rules[0].window"]),
        ([{**DEDUPLICATE, "exclude_fields": ["body.x"]}], ["rules[0].exclude_fields"]),
        ([{**DEDUPLICATE, "include_fields": "body.id"}], ["rules[0].include_fields"]),
        ([{**DEDUPLICATE, "include_fields": ["body.id"] * 51}], ["rules[0].include_fields"]),
        ([{**DEDUPLICATE, "include_fields": ["body.id", "id"]}], ["rules[0].include_fields[1]"]),
        ([{**DEDUPLICATE, "include_fields": [5]}], ["rules[0].include_fields[0]"]),
        ([{"type": "transform"}], ["rules[0].transformation_id"]),
        ([{"type": "transform", "transformation_id": ""}], ["rules[0].transformation_id"]),
        ([{"type": "transform", "transformation_id": 5}], ["rules[0].transformation_id"]),
        (
            [{**TRANSFORM, "transformation": {"name": "a", "code": "return request;"}}],
            ["rules[0].transformation_id"],
        ),
        ([{"type": "transform", "transformation": "x"}], ["rules[0].transformation"]),
        ([{"type": "transform", "transformation": {"code": "x"}}], ["rules[0].transformation.name"]),
        ([{"type": "transform", "transformation": {"name": "a b", "code": "x"}}], ["rules[0].transformation.name"]),
        ([{"type": "transform", "transformation": {"name": "a", "code": " "}}], ["rules[0].transformation.code"]),
        ([{"type": "transform", "transformation": {"name": "a", "code": "\x00"}}], ["rules[0].transformation.code"]),
        (
            [{"type": "transform", "transformation": {"name": "a", "code": "x", "env": {"A": 1}}}],
            ["rules[0].transformation.env.A"],
        ),
        (
            [{"type": "transform", "transformation": {"name": "a", "code": "x", "evn": {}}}],
            ["rules[0].transformation.evn"],
        ),
        ([{"type": "filter"}], ["rules[0]"]),
        ([{"type": "filter", "body": {}}], ["rules[0].body"]),
        ([{"type": "filter", "body": {"a": {"$foo": 1}}}], ["rules[0].body.a.$foo"]),
        ([{**RETRY, "strategy": "random"}], ["rules[0].strategy"]),
        ([{**RETRY, "strategy": ["linear"]}], ["rules[0].strategy"]),
        ([{**RETRY, "count": 0}], ["rules[0].count"]),
        ([{**RETRY, "count": 51}], ["rules[0].count"]),
        ([{**RETRY, "count": True}], ["rules[0].count"]),
        ([{**RETRY, "interval": 99}], ["rules[0].interval"]),
        ([{**RETRY, "interval": 86_400_001}], ["rules[0].interval"]),
        ([{**RETRY, "response_status_codes": ["429", "x"]}], ["rules[0].response_status_codes[1]"]),
        ([{**RETRY, "response_status_codes": "429"}], ["rules[0].response_status_codes"]),
    ],
)
def test_a_fault_is_named_by_its_path(rules, paths):
    assert list(faults(rules)) == paths


def test_the_faults_of_all_rules_are_named_at_once():
    named = faults(
        [
            {"type": "delay", "delay": -1},
            {"type": "filter", "body": {"a": {"$foo": 1}}, "bdoy": 1},
            {**RETRY, "count": 99, "max": 1},
        ]
    )
    assert sorted(named) == [
        "rules[0].delay",
        "rules[1].bdoy",
        "rules[1].body.a.$foo",
        "rules[2].count",
        "rules[2].max",
    ]


def test_the_message_names_the_fault_too():
    with pytest.raises(InvalidInput, match=r"rules\[0\]\.window: must be between 1000 and 604800000 milliseconds"):
        normalise_rules([{"type": "deduplicate", "window": 5}])


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ({**DELAY, "dealy": 1}, "did you mean delay?"),
        ({**RETRY, "response_status_code": ["429"]}, "did you mean response_status_codes?"),
        ({**DELAY, "zzz": 1}, "legal here: delay"),
        ({"type": "dedupe", "window": 1}, "did you mean deduplicate?"),
    ],
)
def test_a_close_name_is_suggested(rule, hint):
    [[fault]] = faults([rule]).values()
    assert hint in fault
