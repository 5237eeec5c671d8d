"""Scenarios against a gateway with known faults: each fault is reported as itself and as nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from bench.__main__ import run_scenarios
from bench.api import Api
from bench.command_line import scenario_names
from bench.context import Options
from bench.measure import Meter
from bench.report import Progress, ScenarioResult
from bench.scenarios import SCENARIOS
from bench.scenarios.rate import most_in_any_window
from bench.tests.fake_gateway import FakeGateway, Faults, fake_gateway

SMALL = Options(
    connections=4,
    warm_up_s=0.5,
    seconds=0.3,
    backlog=200,
    rates_per_s=(100, 200),
    step_s=1.0,
    latency_rate_per_s=100,
    latency_s=1.0,
    hanging_events=20,
    fan=3,
    many=5,
    many_rate_per_s=100,
    large_bytes=4096,
    large_requests=20,
    limits_per_s=(20,),
    rules_events=30,
    calm_s=0.0,
    idle_s=0.3,
    soak_events=100,
    soak_rate_per_s=100,
    settle_s=0.5,
    max_run_s=60.0,
)


@dataclass(frozen=True, slots=True)
class Run:
    gateway: FakeGateway
    results: list[ScenarioResult]

    @property
    def only(self) -> ScenarioResult:
        (result,) = self.results
        return result


def run(names: Sequence[str], faults: Faults | None = None, options: Options = SMALL) -> Run:
    async def measured() -> Run:
        async with fake_gateway(faults) as gateway:
            api = Api(gateway.base_url, "tm_1", "fhp_1")
            meter = Meter(pid=None, database_url=None)
            results, _ = await run_scenarios(api, names, options=options, meter=meter, say=Progress())
            return Run(gateway, results)

    return asyncio.run(measured())


def figure(result: ScenarioResult, name: str) -> float:
    (value,) = [each.value for each in result.figures if each.name == name]
    return value


def verdict(result: ScenarioResult) -> dict[str, int]:
    names = ("lost", "late", "repeats", "forks", "refused")
    return {name: getattr(result, name) for name in names if getattr(result, name)}


def test_a_flawless_gateway_is_sound_in_every_default_scenario_and_left_clean() -> None:
    done = run(["ingress", "drain", "pipeline", "latency"])
    assert [verdict(result) for result in done.results] == [{}, {}, {}, {}]
    assert figure(done.results[2], "sustained accept to delivered") == 200
    assert (done.gateway.sources, done.gateway.destinations, done.gateway.connections) == ({}, {}, {})
    assert len(done.gateway.calls) == 1 + 3 * 3


def test_every_fiftieth_delivery_dropped_is_reported_as_lost() -> None:
    done = run(["latency"], Faults(drop_every=50))
    # 50 warm-up requests and 100 measured ones; numbers 50, 100 and 150 are dropped.
    assert verdict(done.only) == {"lost": 3}
    assert not done.only.is_sound


def test_what_the_gateway_still_lists_as_waiting_is_late_and_not_lost() -> None:
    assert verdict(run(["latency"], Faults(stick_every=50)).only) == {"late": 3}


def test_repeats_are_counted_and_do_no_harm() -> None:
    result = run(["latency"], Faults(repeat_every=10)).only
    assert verdict(result) == {"repeats": 15}
    assert result.is_sound


def test_a_second_event_for_one_request_is_a_fork() -> None:
    result = run(["latency"], Faults(fork_every=50)).only
    assert verdict(result) == {"forks": 3}
    assert not result.is_sound


def test_a_request_answered_but_not_stored_is_lost_at_ingress() -> None:
    done = run(["ingress"], Faults(forget_every=50))
    assert done.only.lost == done.gateway.posts // 50 > 0


def test_a_revived_destination_gets_everything_once() -> None:
    done = run(["drain_revived"])
    assert verdict(done.only) == {}
    assert (done.only.details["backlog"], done.only.details["tried_before_revival"]) == (200, 200)
    assert done.only.work_units == 200


def test_a_refusal_is_not_a_loss() -> None:
    assert verdict(run(["drain"], Faults(refuse_every=40)).only) == {"refused": 5}


def test_the_climb_ends_at_the_first_rate_that_is_not_held_unless_every_rate_is_asked_for() -> None:
    climbed = run(["pipeline"], Faults(refuse_every=40)).only
    assert [figure.name for figure in climbed.figures if figure.better] == [
        "accept to delivered at 100/s, through",
        "accept to delivered at 100/s, p50",
        "accept to delivered at 100/s, p99",
    ]
    everything = run(["pipeline"], Faults(refuse_every=40), replace(SMALL, every_rate=True)).only
    assert [figure.name for figure in everything.figures if figure.better] == [
        "accept to delivered at 200/s, through",
        "accept to delivered at 100/s, p50",
        "accept to delivered at 100/s, p99",
    ]


def test_a_stall_of_ingress_shows_in_the_delivered_p99() -> None:
    """Request 100 is the 50th measured one: half a second at 100/s delays about 50 of 100 requests."""
    calm = run(["latency"]).only
    stalled = run(["latency"], Faults(stall_at=100, stall_s=0.5)).only
    assert figure(calm, "accept to delivered at 100/s, p99") < 300
    assert figure(stalled, "accept to delivered at 100/s, p99") >= 450
    assert verdict(stalled) == {}


def test_a_hanging_neighbour_is_set_up_beside_the_healthy_route() -> None:
    done = run(["neighbour"])
    assert verdict(done.only) == {}
    assert done.only.details["hanging_in_flight"] == 20
    assert done.only.details["hanging_waiting_at_end"] == 20


def test_all_stands_for_every_scenario_but_the_long_ones_and_the_one_that_wants_history() -> None:
    assert set(SCENARIOS) - set(scenario_names(["all"])) == {"soak", "history", "controls", "bulk"}


def test_a_fan_out_is_accounted_for_at_each_receiver() -> None:
    done = run(["fanout"])
    assert verdict(done.only) == {}
    assert done.only.details["arrived"] == {"fan0": 66, "fan1": 66, "fan2": 66}
    # Requests 50 and 100 are dropped on every branch; 66 are sent.
    assert verdict(run(["fanout"], Faults(drop_every=50)).only) == {"lost": 3}


def test_many_routes_share_one_load_and_all_of_them_go_again() -> None:
    done = run(["many"])
    assert verdict(done.only) == {}
    assert (done.only.details["routes"], done.only.work_units) == (5, 100)
    assert len(done.gateway.calls) == 3 * 5
    used = {name: done.gateway.requests.count(name) for name in set(done.gateway.requests)}
    assert used["src_0"] > used["src_4"] > 0


def test_large_bodies_arrive_and_cost_what_the_same_bodies_cost_without_a_gateway() -> None:
    result = run(["large"]).only
    assert (verdict(result), result.work_units) == ({}, 20)
    assert result.figures[0].ceiling_name == "bare ASGI server, 4 KB"


def test_a_rate_limit_that_is_not_kept_is_a_broken_promise() -> None:
    result = run(["rate"]).only
    assert verdict(result) == {}
    assert result.broken == ("200 deliveries within a second at a limit of 20/s",)
    assert not result.is_sound


def test_the_busiest_window_is_half_open() -> None:
    assert most_in_any_window([0, 999_999, 1_000_000, 1_000_001], 1_000_000) == 3
    assert most_in_any_window([0, 1_000_000, 2_000_000], 1_000_000) == 1
    assert most_in_any_window([], 1_000_000) == 0


def test_rules_are_measured_on_held_events_and_nothing_is_delivered() -> None:
    done = run(["rules"])
    assert verdict(done.only) == {}
    assert {event.status for event in done.gateway.events} == {"HOLD"}
    assert done.only.work_units == 5 * 4 * 30
    assert [each.name for each in done.only.figures][-2:] == [
        "more with a transformation",
        "more with a filter after a deduplication",
    ]
    assert (done.gateway.connections, done.gateway.transformations) == ({}, {})


def test_a_soak_and_an_idle_watch_run_without_a_supervisor_to_look_at() -> None:
    done = run(["soak", "idle"])
    assert [verdict(result) for result in done.results] == [{}, {}]
    assert done.results[0].work_units == 100


def test_statements_are_left_out_where_the_log_is_not_ours() -> None:
    assert run(["statements"]).only.figures == ()


def test_controls_are_left_out_where_postgres_cannot_be_asked() -> None:
    result = run(["controls"]).only
    assert (result.figures, result.is_sound) == ((), True)


def test_scenarios_beyond_the_time_of_the_run_are_left_out() -> None:
    done = run(["latency"], options=replace(SMALL, max_run_s=0.0))
    assert (done.results, done.gateway.posts) == ([], 0)


def test_routes_are_removed_when_a_scenario_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the load broke")

    monkeypatch.setattr("bench.scenarios.latency.measure_flow", fail)

    async def broken() -> FakeGateway:
        async with fake_gateway() as gateway:
            api = Api(gateway.base_url, "tm_1", "fhp_1")
            with pytest.raises(RuntimeError, match="the load broke"):
                await run_scenarios(
                    api, ["latency"], options=SMALL, meter=Meter(pid=None, database_url=None), say=Progress()
                )
            return gateway

    gateway = asyncio.run(broken())
    assert (gateway.sources, gateway.destinations, gateway.connections) == ({}, {}, {})
    assert len(gateway.calls) == 3
