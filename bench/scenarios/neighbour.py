"""What a slow receiver costs the others: a healthy route's latency alone, then beside one with 500 events waiting.

The slow route's own events are not waited for: with 20 s an answer they would outlast the run.
"""

import asyncio
from dataclasses import asdict

from bench.context import Bench
from bench.flow import Flow, measure_flow
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.report import Figure, ScenarioResult
from bench.setup import Route, route_to
from bench.waiting import wait_for_count

FILL_S = 20.0
# It is full when it has as many in hand as a moment ago.
LOOK_S = 0.3
MAX_LOOKS = 20


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    fast_url, slow_url = bench.receivers.url("fast"), bench.receivers.url("slow")
    async with (
        route_to(bench.api, "healthy", destination_url=fast_url, max_concurrency=options.max_concurrency) as healthy,
        route_to(bench.api, "slow", destination_url=slow_url, max_concurrency=None) as slow,
    ):
        await _measure(bench, healthy, "warm", seconds=options.warm_up_s)
        bench.say(f"neighbour: the healthy route alone, {options.latency_rate_per_s}/s for {options.latency_s:.0f} s")
        alone = await _measure(bench, healthy, "alone", seconds=options.latency_s)
        in_flight = await _load_slow_route(bench, slow)
        bench.say(f"neighbour: beside a receiver that takes {options.slow_delay_ms} ms, {in_flight} in flight")
        async with bench.meter.measuring() as usage:
            beside = await _measure(bench, healthy, "beside", seconds=options.latency_s)
        slow_waiting = await slow.waiting_count()
    bench.say(f"neighbour: p99 {alone.latency.p99_ms:.1f} ms alone, {beside.latency.p99_ms:.1f} ms beside it")
    return ScenarioResult(
        name="neighbour",
        figures=(
            Figure("healthy p50 beside a slow one", beside.latency.p50_ms, "ms", alone.latency.p50_ms, "alone"),
            Figure("healthy p99 beside a slow one", beside.latency.p99_ms, "ms", alone.latency.p99_ms, "alone"),
        ),
        lost=alone.lost + beside.lost,
        late=alone.late + beside.late,
        repeats=alone.delivered.repeats + beside.delivered.repeats,
        forks=alone.delivered.forks + beside.delivered.forks,
        refused=alone.load.refused + beside.load.refused,
        usage=usage,
        work_units=beside.delivered.arrived,
        details={
            "alone": asdict(alone.latency),
            "beside": asdict(beside.latency),
            "slow_in_flight": in_flight,
            "slow_waiting_at_end": slow_waiting,
        },
    )


async def _measure(bench: Bench, route: Route, label: str, *, seconds: float) -> Flow:
    rate_per_s = bench.options.latency_rate_per_s
    return await measure_flow(
        bench, route, "fast", rate_per_s=rate_per_s, seconds=bench.at_most_s(seconds), label=label
    )


async def _load_slow_route(bench: Bench, slow: Route) -> int:
    """Post the slow route's events and wait until its receiver gets no more of them; how many it has in hand."""
    await run_closed_loop(
        request_template(slow.endpoint, slow.tag),
        connections=bench.options.connections,
        max_seconds=bench.at_most_s(FILL_S),
        max_requests=bench.options.slow_events,
    )

    async def in_flight() -> int:
        return (await bench.receivers.counts("slow")).in_flight

    count = await wait_for_count(in_flight, at_least=1, timeout_s=bench.at_most_s(FILL_S))
    for _ in range(MAX_LOOKS):
        await asyncio.sleep(LOOK_S)
        before, count = count, await in_flight()
        if count == before:
            break
    return count
