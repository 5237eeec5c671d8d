"""Ratios are of a pair, their median decides, and the bounds are 5 % for figures and 3 % for CPU."""

import math

import pytest

from bench.against.pairs import CPU_EACH, Comparison, Run, compare, judge, ratio, turns, unsound, values_of
from bench.cpu import CpuTime
from bench.measure import Usage
from bench.report import Better, Figure, ScenarioResult


def drain(per_s: float, *, user_s: float = 3.0, system_s: float = 1.0, lost: int = 0) -> ScenarioResult:
    return ScenarioResult(
        name="drain",
        figures=(Figure("deliveries", per_s, "/s", better="higher"), Figure("first delivery", 9.0, "ms")),
        lost=lost,
        usage=Usage(cpu=CpuTime(user_s, system_s)),
        work_units=1000,
    )


def test_the_first_one_changes_from_pair_to_pair() -> None:
    assert [turns(pair) for pair in (1, 2, 3)] == [("this", "other"), ("other", "this"), ("this", "other")]


@pytest.mark.parametrize(
    ("middle", "better", "words", "is_worse"),
    [
        (0.95, "higher", "no worse: within 5 %", False),
        (0.949, "higher", "worse by 5.1 %", True),
        (1.07, "higher", "better by 7.0 %", False),
        (1.05, "lower", "no worse: within 5 %", False),
        (1.072, "lower", "worse by 7.2 %", True),
        (0.9, "lower", "better by 10.0 %", False),
    ],
)
def test_the_median_is_judged_by_which_way_is_better(middle: float, better: Better, words: str, is_worse: bool) -> None:
    verdict = judge(middle, better=better, bound=0.05)
    assert (verdict.words, verdict.is_worse) == (words, is_worse)


def test_cpu_is_judged_within_three_percent() -> None:
    assert judge(1.03, better="lower", bound=0.03).words == "no worse: within 3 %"
    assert judge(1.04, better="lower", bound=0.03).is_worse


def test_nothing_against_nothing_is_equal_and_something_against_nothing_has_no_bound() -> None:
    assert (ratio(0, 0), ratio(3, 0), ratio(0, 3)) == (1.0, math.inf, 0.0)


def test_compared_figures_and_cpu_in_each_mode_are_the_values_of_a_run() -> None:
    assert [(value.name, value.bound, round(value.value, 6)) for value in values_of(drain(2000))] == [
        ("deliveries", 0.05, 2000.0),
        ("CPU each, user", None, 3000.0),
        ("CPU each, system", None, 1000.0),
        (CPU_EACH, 0.03, 4000.0),
    ]


def test_without_work_or_usage_there_is_no_cpu_each() -> None:
    bare = ScenarioResult(name="idle", figures=(Figure("CPU", 2.0, "%", better="lower"),), lost=0, usage=Usage())
    assert [value.name for value in values_of(bare)] == ["CPU"]


def test_values_of_a_pair_belong_together_whoever_went_first_and_the_warm_up_is_left_out() -> None:
    runs = [
        Run(0, "other", drain(1)),
        Run(0, "this", drain(1)),
        Run(1, "this", drain(1000)),
        Run(1, "other", drain(2000)),
        Run(2, "other", drain(1500)),
        Run(2, "this", drain(3000)),
        Run(3, "this", drain(900)),
        Run(3, "other", drain(1000)),
    ]
    deliveries, *cpu = compare(runs)
    assert (deliveries.this, deliveries.other) == ((1000, 3000, 900), (2000, 1500, 1000))
    assert (deliveries.ratios, deliveries.median) == ((0.5, 2.0, 0.9), 0.9)
    assert deliveries.is_worse
    assert [each.is_worse for each in cpu] == [False, False, False]


def test_a_part_of_cpu_is_not_judged_by_itself() -> None:
    user = Comparison("drain", "CPU each, user", "us", "lower", None, this=(20.0,), other=(10.0,))
    assert (user.verdict, user.is_worse) == (None, False)


def test_a_run_that_lost_events_is_found_in_the_warm_up_too() -> None:
    lossy, sound = Run(0, "other", drain(1, lost=1)), Run(1, "this", drain(1))
    assert unsound([lossy, sound]) == [lossy]
