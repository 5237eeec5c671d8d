"""How long a webhook takes from the planned send to the receiver when the machine has time: 50 a second for 10 s."""

from dataclasses import asdict

from bench.context import Bench
from bench.flow import measure_flow
from bench.recording import percentiles_ms
from bench.report import Figure, ScenarioResult
from bench.setup import route_to

DIRECT = "generator straight to the receiver"


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    rate_per_s = options.latency_rate_per_s
    url = bench.receivers.url("fast")
    async with route_to(bench.api, "latency", destination_url=url, max_concurrency=options.max_concurrency) as route:
        direct = await bench.ceilings.direct_latency(rate_per_s)
        warm_up = await measure_flow(
            bench, route, "fast", rate_per_s=rate_per_s, seconds=options.warm_up_s, label="warm"
        )
        bench.say(f"latency: {rate_per_s}/s for {options.latency_s:.0f} s")
        async with bench.meter.measuring() as usage:
            flow = await measure_flow(
                bench, route, "fast", rate_per_s=rate_per_s, seconds=bench.at_most_s(options.latency_s)
            )
    latency = flow.latency
    bench.say(f"latency: p50 {latency.p50_ms:.1f}, p95 {latency.p95_ms:.1f}, p99 {latency.p99_ms:.1f} ms")
    return ScenarioResult(
        name="latency",
        figures=(
            Figure(
                f"accept to delivered at {rate_per_s}/s, p50",
                latency.p50_ms,
                "ms",
                direct.p50_ms,
                DIRECT,
                better="lower",
            ),
            Figure(f"accept to delivered at {rate_per_s}/s, p95", latency.p95_ms, "ms", direct.p95_ms, DIRECT),
            Figure(
                f"accept to delivered at {rate_per_s}/s, p99",
                latency.p99_ms,
                "ms",
                direct.p99_ms,
                DIRECT,
                better="lower",
            ),
        ),
        lost=flow.lost + warm_up.lost,
        late=flow.late + warm_up.late,
        repeats=flow.delivered.repeats + warm_up.delivered.repeats,
        forks=flow.delivered.forks + warm_up.delivered.forks,
        refused=flow.load.refused,
        usage=usage,
        work_units=flow.delivered.arrived,
        details={
            "delivered": asdict(latency),
            "direct": asdict(direct),
            "answer": asdict(percentiles_ms(flow.load.latencies_s)),
            "send_lag": asdict(percentiles_ms(flow.load.send_lag_s)),
        },
    )
