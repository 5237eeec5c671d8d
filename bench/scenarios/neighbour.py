"""What a hanging receiver costs the others: a healthy route alone, then beside one that never answers, with a backlog.

The hanging route's own events are not waited for: they run into timeouts one after another.
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
# The promise; below the floor a p99 over a few hundred events is the machine's noise.
MAX_RATIO, MAX_P99_MS, FLOOR_P99_MS = 2.0, 1000.0, 50.0
MAX_LOOKS = 20


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    fast_url, hanging_url = bench.receivers.url("fast"), bench.receivers.url("hanging")
    async with (
        route_to(bench.api, "healthy", destination_url=fast_url, max_concurrency=options.max_concurrency) as healthy,
        route_to(bench.api, "hanging", destination_url=hanging_url, max_concurrency=None) as hanging,
    ):
        await _measure(bench, healthy, "warm", seconds=options.warm_up_s)
        bench.say(f"neighbour: the healthy route alone, {options.latency_rate_per_s}/s for {options.latency_s:.0f} s")
        alone = await _measure(bench, healthy, "alone", seconds=options.latency_s)
        in_flight = await _load_hanging_route(bench, hanging)
        bench.say(
            f"neighbour: beside a receiver that never answers, {in_flight} of {options.hanging_events:,} in flight"
        )
        async with bench.meter.measuring() as usage:
            beside = await _measure(bench, healthy, "beside", seconds=options.latency_s)
        waiting = await hanging.waiting_count()
    beside_p99_ms, alone_p99_ms = beside.latency.p99_ms, alone.latency.p99_ms
    broken = beside_p99_ms > min(MAX_P99_MS, max(FLOOR_P99_MS, MAX_RATIO * alone_p99_ms))
    bench.say(f"neighbour: p99 {alone.latency.p99_ms:.1f} ms alone, {beside.latency.p99_ms:.1f} ms beside it")
    return ScenarioResult(
        name="neighbour",
        figures=(
            Figure(
                "healthy p50 beside a hanging one",
                beside.latency.p50_ms,
                "ms",
                alone.latency.p50_ms,
                "alone",
                better="lower",
            ),
            Figure(
                "healthy p99 beside a hanging one",
                beside.latency.p99_ms,
                "ms",
                alone.latency.p99_ms,
                "alone",
                better="lower",
            ),
        ),
        lost=alone.lost + beside.lost,
        late=alone.late + beside.late,
        repeats=alone.delivered.repeats + beside.delivered.repeats,
        forks=alone.delivered.forks + beside.delivered.forks,
        refused=alone.load.refused + beside.load.refused,
        usage=usage,
        work_units=beside.delivered.arrived,
        broken=(f"healthy p99 of {beside_p99_ms:.0f} ms beside, {alone_p99_ms:.0f} ms alone",) if broken else (),
        details={
            "alone": asdict(alone.latency),
            "beside": asdict(beside.latency),
            "hanging_in_flight": in_flight,
            "hanging_waiting_at_end": waiting,
        },
    )


async def _measure(bench: Bench, route: Route, label: str, *, seconds: float) -> Flow:
    rate_per_s = bench.options.latency_rate_per_s
    return await measure_flow(
        bench, route, "fast", rate_per_s=rate_per_s, seconds=bench.at_most_s(seconds), label=label
    )


async def _load_hanging_route(bench: Bench, hanging: Route) -> int:
    """Post the hanging route's events and wait until its receiver gets no more of them; how many it has in hand."""
    await run_closed_loop(
        request_template(hanging.endpoint, hanging.tag),
        connections=bench.options.connections,
        max_seconds=bench.at_most_s(FILL_S),
        max_requests=bench.options.hanging_events,
    )

    async def in_flight() -> int:
        return (await bench.receivers.counts("hanging")).in_flight

    count = await wait_for_count(in_flight, at_least=1, timeout_s=bench.at_most_s(FILL_S))
    for _ in range(MAX_LOOKS):
        await asyncio.sleep(LOOK_S)
        before, count = count, await in_flight()
        if count == before:
            break
    return count
