"""Many small routes beside each other: 500 sources and 500 destinations, a few busy ones and a long tail."""

from dataclasses import asdict

from bench.context import Bench
from bench.flow import Flow, measure_load
from bench.payload import skewed_template
from bench.report import Figure, ScenarioResult
from bench.setup import RoutePlan, routes_to

WARM_UP_RATE_PER_S = 200


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    bench.say(f"many: making {options.many} sources, destinations and connections")
    plan = RoutePlan([bench.receivers.url("fast")] * options.many, sources=options.many)
    async with routes_to(bench.api, "many", plan) as routes:
        tag = routes[0].tag
        endpoints = [route.endpoint for route in routes]

        async def load(label: str, rate_per_s: float, seconds: float) -> Flow:
            return await measure_load(
                bench,
                routes,
                "fast",
                tag=f"{tag}-{label}",
                template=skewed_template(endpoints, f"{tag}-{label}"),
                rate_per_s=rate_per_s,
                seconds=bench.at_most_s(seconds),
            )

        warm_up = await load("warm", WARM_UP_RATE_PER_S, options.warm_up_s)
        bench.say(f"many: {options.many_rate_per_s}/s over all of them for {options.latency_s:.0f} s")
        async with bench.meter.measuring() as usage:
            flow = await load("many", options.many_rate_per_s, options.latency_s)
    latency = flow.latency
    bench.say(f"many: p50 {latency.p50_ms:.1f}, p99 {latency.p99_ms:.1f} ms, sustained {flow.is_sustained}")
    at = f"accept to delivered at {options.many_rate_per_s}/s"
    return ScenarioResult(
        name="many",
        figures=(
            Figure("delivered in the second half", flow.delivered_per_s, "/s", options.many_rate_per_s, "arrival rate"),
            Figure(f"{at}, p50", latency.p50_ms, "ms", better="lower"),
            Figure(f"{at}, p95", latency.p95_ms, "ms"),
            Figure(f"{at}, p99", latency.p99_ms, "ms", better="lower"),
        ),
        lost=warm_up.lost + flow.lost,
        late=warm_up.late + flow.late,
        repeats=warm_up.delivered.repeats + flow.delivered.repeats,
        forks=warm_up.delivered.forks + flow.delivered.forks,
        refused=warm_up.load.refused + flow.load.refused,
        usage=usage,
        work_units=flow.delivered.arrived,
        details={"routes": len(routes), "sustained": flow.is_sustained, "delivered": asdict(latency)},
    )
