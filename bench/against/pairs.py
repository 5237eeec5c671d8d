"""Pairs of runs and their verdicts: which side goes first, ratios, medians, bounds. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench.report import Better, ScenarioResult

Side = Literal["this", "other"]
FIGURE_BOUND = 0.05
CPU_BOUND = 0.03
CPU_EACH = "CPU each, user + system"


@dataclass(frozen=True, slots=True)
class Value:
    """What one run gave for one figure. Without a `bound` it is shown and not judged."""

    name: str
    unit: str
    better: Better
    bound: float | None
    value: float


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario on one side; pair 0 is the warm-up. `resting_share`: what the installation that was not measured
    took meanwhile, of one core; `others_share`: the same of everything that is neither it nor the bench."""

    pair: int
    side: Side
    result: ScenarioResult
    seconds: float = 0.0
    resting_share: float = 0.0
    others_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    words: str
    is_worse: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of one scenario over all pairs, the n-th entries of `this` and `other` belonging together."""

    scenario: str
    name: str
    unit: str
    better: Better
    bound: float | None
    this: tuple[float, ...]
    other: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        return tuple(ratio(mine, theirs) for mine, theirs in zip(self.this, self.other, strict=True))

    @property
    def median(self) -> float:
        return median(self.ratios)

    @property
    def verdict(self) -> Verdict | None:
        return None if self.bound is None else judge(self.median, better=self.better, bound=self.bound)

    @property
    def is_worse(self) -> bool:
        """True when it is judged, and worse."""
        return self.verdict is not None and self.verdict.is_worse


def turns(pair: int) -> tuple[Side, Side]:
    """Who goes first changes from pair to pair, so that what follows a run (a vacuum, a warm cache) favours nobody."""
    return ("this", "other") if pair % 2 else ("other", "this")


def ratio(this: float, other: float) -> float:
    if other == 0:
        return 1.0 if this == 0 else math.inf
    return this / other


def judge(middle: float, *, better: Better, bound: float) -> Verdict:
    """What the median of ratios (this over other) says; on the bound is within it."""
    gain = round(middle - 1 if better == "higher" else 1 - middle, 9)
    if gain < -bound:
        return Verdict(f"worse by {-gain * 100:.1f} %", is_worse=True)
    if gain > bound:
        return Verdict(f"better by {gain * 100:.1f} %", is_worse=False)
    return Verdict(f"no worse: within {bound * 100:.0f} %", is_worse=False)


def values_of(result: ScenarioResult) -> list[Value]:
    """The figures that builds are compared by, and CPU for each request or delivery in microseconds."""
    values = [
        Value(figure.name, figure.unit, figure.better, FIGURE_BOUND, figure.value)
        for figure in result.figures
        if figure.better is not None
    ]
    if result.usage is not None and result.work_units:
        cpu, each_us = result.usage.cpu, 1e6 / result.work_units
        values += [
            Value("CPU each, user", "us", "lower", None, cpu.user_s * each_us),
            Value("CPU each, system", "us", "lower", None, cpu.system_s * each_us),
            Value(CPU_EACH, "us", "lower", CPU_BOUND, cpu.total_s * each_us),
        ]
    return values


def compare(runs: Sequence[Run]) -> list[Comparison]:
    """Every figure of every scenario over the counted pairs, in the order of the runs."""
    counted = [run for run in runs if run.pair > 0]
    comparisons = []
    for scenario in dict.fromkeys(run.result.name for run in counted):
        this, other = (_by_pair(counted, scenario, side) for side in ("this", "other"))
        pairs = sorted(this.keys() & other.keys())
        first = values_of(this[pairs[0]]) if pairs else []
        for place, value in enumerate(first):
            mine, theirs = (tuple(values_of(side[pair])[place].value for pair in pairs) for side in (this, other))
            comparisons.append(Comparison(scenario, value.name, value.unit, value.better, value.bound, mine, theirs))
    return comparisons


def _by_pair(runs: Sequence[Run], scenario: str, side: str) -> Mapping[int, ScenarioResult]:
    return {run.pair: run.result for run in runs if run.side == side and run.result.name == scenario}


def unsound(runs: Sequence[Run]) -> list[Run]:
    """Runs that lost events or broke another promise, those of the warm-up included."""
    return [run for run in runs if not run.result.is_sound]
