"""Both sides get the same load in turns, one warm-up before the pairs, and what gives nothing to compare is refused."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.against.pairs import Run, Side, compare
from bench.against.running import Laboratory, Plan, left_s, take_turns
from bench.api import Api
from bench.receivers import receiver_process
from bench.report import ScenarioResult
from bench.scenarios import receiver_behaviours
from bench.tests.fake_gateway import Faults, fake_gateway
from bench.tests.processes import python
from bench.tests.test_against_pairs import drain
from bench.tests.test_scenarios import SMALL


def fake_turns(plan: Plan, *, comparable: bool = True) -> tuple[list[Run], list[str]]:
    said: list[str] = []

    async def measure(side: Side, name: str, pair: int) -> Run:
        result = drain(1000) if comparable else ScenarioResult(name, figures=(), lost=0)
        return Run(pair, side, replace(result, name=name), seconds=6.0)

    return asyncio.run(take_turns(plan, measure, say=said.append)), said


def test_scenarios_take_turns_within_a_pair_after_a_warm_up_of_each() -> None:
    runs, said = fake_turns(Plan(["drain", "latency"], pairs=2, options=SMALL))
    assert [(run.pair, run.result.name, run.side) for run in runs] == [
        (0, "drain", "other"),
        (0, "drain", "this"),
        (0, "latency", "other"),
        (0, "latency", "this"),
        (1, "drain", "this"),
        (1, "drain", "other"),
        (1, "latency", "this"),
        (1, "latency", "other"),
        (2, "drain", "other"),
        (2, "drain", "this"),
        (2, "latency", "other"),
        (2, "latency", "this"),
    ]
    assert said[0] == "warm-up, drain, other: 1,000 /s, 4,000 us; about 1 min left"
    assert said[-1] == "pair 2 of 2, latency, this: 1,000 /s, 4,000 us; about 0 min left"


def test_what_is_left_is_reckoned_from_runs_of_the_same_scenario() -> None:
    plan = Plan(["drain", "latency"], pairs=1, options=SMALL)
    runs = [Run(0, "other", drain(1), seconds=10.0), Run(0, "this", drain(1), seconds=20.0)]
    # Two of drain at 15 s; four of latency, not seen yet, at the mean of all.
    assert left_s(plan, runs) == 2 * 15 + 4 * 15
    runs.append(Run(0, "other", replace(drain(1), name="latency"), seconds=3.0))
    assert left_s(plan, runs) == 2 * 15 + 3 * 3


def test_a_scenario_with_nothing_to_compare_is_refused_after_its_first_run() -> None:
    with pytest.raises(ValueError, match="rate has no figure that builds are compared by"):
        fake_turns(Plan(["rate"], pairs=10, options=SMALL), comparable=False)


def test_two_gateways_are_measured_by_their_own_deliveries(tmp_path: Path) -> None:
    async def measured() -> tuple[list[Run], list[list[str]]]:
        async with (
            fake_gateway() as this,
            fake_gateway(Faults(drop_every=50)) as other,
            receiver_process(receiver_behaviours(SMALL)) as receivers,
        ):
            with python("import sys; sys.stdin.read()") as idle:
                sides = {
                    side: SimpleNamespace(
                        api=Api(gateway.base_url, "tm_1", "fhp_1"), supervisor_pid=idle.pid, data_dir=tmp_path
                    )
                    for side, gateway in (("this", this), ("other", other))
                }
                plan = Plan(["latency"], pairs=0, options=SMALL)
                laboratory = Laboratory(sides, receivers, SMALL, lambda line: None)  # type: ignore[arg-type]
                runs = await take_turns(plan, laboratory.measure, say=lambda line: None)
                return runs, [this.requests, other.requests]

    runs, requests = asyncio.run(measured())
    assert [(run.side, run.result.lost > 0) for run in runs] == [
        ("other", True),
        ("this", False),
    ]
    # 50 warm-up requests and 100 measured ones.
    assert [len(each) for each in requests] == [150, 150]
    assert [each.name for each in compare([replace(run, pair=1) for run in runs])] == [
        "accept to delivered at 100/s, p50",
        "accept to delivered at 100/s, p99",
        "CPU each, user",
        "CPU each, system",
        "CPU each, user + system",
    ]
