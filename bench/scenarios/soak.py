"""Whether memory stays flat: half a million events at a steady rate, the memory of every role early and late."""

from dataclasses import asdict
from statistics import mean

from bench.context import Bench
from bench.flow import measure_flow
from bench.measure import MEGABYTE, Usage
from bench.report import Figure, ScenarioResult
from bench.setup import route_to

# Pools, caches and Postgres's shared buffers fill first.
EARLY, LATE = (0.2, 0.4), (0.8, 1.0)
GROWTH_LIMIT_BYTES = 16 * MEGABYTE
# Its buffers are what it was given; history fills them.
FILLS_ITS_BUFFERS = "postgres"


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    seconds = options.soak_events / options.soak_rate_per_s
    url = bench.receivers.url("fast")
    async with route_to(bench.api, "soak", destination_url=url, max_concurrency=options.max_concurrency) as route:
        await measure_flow(bench, route, "fast", rate_per_s=100, seconds=options.warm_up_s, label="warm")
        bench.say(f"soak: {options.soak_events:,} events at {options.soak_rate_per_s}/s, {seconds:.0f} s")
        async with bench.meter.measuring() as usage:
            flow = await measure_flow(
                bench, route, "fast", rate_per_s=options.soak_rate_per_s, seconds=bench.at_most_s(seconds)
            )
    early, late = _mean_bytes(usage, *EARLY), _mean_bytes(usage, *LATE)
    growth = {role: late[role] - early.get(role, 0) for role in sorted(late)}
    broken = tuple(
        f"{role} grew by {more / MEGABYTE:.0f} MB"
        for role, more in growth.items()
        if more > GROWTH_LIMIT_BYTES and role != FILLS_ITS_BUFFERS
    )
    return ScenarioResult(
        name="soak",
        figures=(
            Figure("delivered in the second half", flow.delivered_per_s, "/s", flow.rate_per_s, "arrival rate"),
            Figure("accept to delivered, p50", flow.latency.p50_ms, "ms"),
            Figure("accept to delivered, p99", flow.latency.p99_ms, "ms"),
            *(
                Figure(f"memory of {role}, late", late[role] / MEGABYTE, "MB", early.get(role, 0) / MEGABYTE, "early")
                for role in growth
            ),
        ),
        lost=flow.lost,
        late=flow.late,
        repeats=flow.delivered.repeats,
        forks=flow.delivered.forks,
        refused=flow.load.refused,
        usage=usage,
        work_units=flow.delivered.arrived,
        broken=broken,
        details={"delivered": asdict(flow.latency)},
    )


def _mean_bytes(usage: Usage, start: float, end: float) -> dict[str, float]:
    """Per role, over the samples between these shares of the run."""
    samples = [held for at_s, held in usage.memory if start <= at_s / usage.elapsed_s <= end]
    return {role: mean(held.get(role, 0) for held in samples) for role in (samples[-1] if samples else {})}
