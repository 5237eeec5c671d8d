"""The arrival rate a route sustains from accept to delivered: open loop at rising rates until deliveries lag."""

from collections.abc import Sequence
from dataclasses import asdict

from bench.ceiling import Ceiling
from bench.context import Bench
from bench.flow import Flow, measure_flow
from bench.recording import percentiles_ms
from bench.report import Figure, ScenarioResult
from bench.setup import Route, route_to

# A cold start (first connections, catalog, caches) is not what the first step measures.
WARM_UP_RATE_PER_S = 100


async def run(bench: Bench) -> ScenarioResult:
    server = await bench.ceilings.bare_asgi()
    client = await bench.ceilings.bare_client()
    ceiling = min(server, client, key=lambda each: each.per_s)
    url = bench.receivers.url("fast")
    async with route_to(
        bench.api, "pipeline", destination_url=url, max_concurrency=bench.options.max_concurrency
    ) as route:
        warm_up = await measure_flow(
            bench, route, "fast", rate_per_s=WARM_UP_RATE_PER_S, seconds=bench.options.warm_up_s, label="warm"
        )
        async with bench.meter.measuring() as usage:
            flows = await _climb(bench, route)
    everything = [warm_up, *flows]
    return ScenarioResult(
        name="pipeline",
        figures=_figures(flows, ceiling),
        lost=sum(flow.lost for flow in everything),
        late=sum(flow.late for flow in everything),
        repeats=sum(flow.delivered.repeats for flow in everything),
        forks=sum(flow.delivered.forks for flow in everything),
        refused=sum(flow.load.refused for flow in everything),
        usage=usage,
        work_units=sum(flow.delivered.arrived for flow in flows),
        details={"rates": [_describe(flow) for flow in flows]},
    )


def _figures(flows: Sequence[Flow], ceiling: Ceiling) -> tuple[Figure, ...]:
    """Builds are compared at the first rate, which is the same in every run, and by how long the last load took as a
    whole: the sustained rate moves in steps."""
    held = [flow for flow in flows if flow.is_sustained]
    best, first, last = held[-1] if held else flows[0], flows[0], flows[-1]
    sustained = best.rate_per_s if held else 0.0
    figures = (
        Figure("sustained accept to delivered", sustained, "/s", ceiling.per_s, ceiling.name),
        Figure("most delivered at any rate", max(flow.delivered_per_s for flow in flows), "/s"),
        Figure(_at(last, "through"), last.through_per_s, "/s", better="higher"),
        Figure(_at(best, "p50"), best.latency.p50_ms, "ms"),
        Figure(_at(best, "p95"), best.latency.p95_ms, "ms"),
        Figure(_at(best, "p99"), best.latency.p99_ms, "ms"),
        Figure(_at(first, "p50"), first.latency.p50_ms, "ms", better="lower"),
        Figure(_at(first, "p99"), first.latency.p99_ms, "ms", better="lower"),
    )
    return tuple({figure.name: figure for figure in figures}.values())


def _at(flow: Flow, name: str) -> str:
    return f"accept to delivered at {flow.rate_per_s:,.0f}/s, {name}"


async def _climb(bench: Bench, route: Route) -> list[Flow]:
    """One step per rate, up to and including the first that is not sustained unless `every_rate` is asked for."""
    flows: list[Flow] = []
    for rate_per_s in bench.options.rates_per_s:
        flow = await measure_flow(
            bench,
            route,
            "fast",
            rate_per_s=rate_per_s,
            seconds=bench.at_most_s(bench.options.step_s),
            label=f"r{rate_per_s}",
        )
        flows.append(flow)
        bench.say(
            f"pipeline: {rate_per_s}/s {'held' if flow.is_sustained else 'NOT held'}, delivered "
            f"{flow.delivered_per_s:,.0f}/s, backlog {flow.backlog_at_half} then {flow.backlog_at_end}, "
            f"p50 {flow.latency.p50_ms:.1f} p99 {flow.latency.p99_ms:.1f} ms, refused {flow.load.refused}"
        )
        if not flow.is_sustained and not bench.options.every_rate:
            break
    return flows


def _describe(flow: Flow) -> dict[str, object]:
    return {
        "rate_per_s": flow.rate_per_s,
        "sustained": flow.is_sustained,
        "delivered_per_s": flow.delivered_per_s,
        "backlog_at_half": flow.backlog_at_half,
        "backlog_at_end": flow.backlog_at_end,
        "refused": flow.load.refused,
        "statuses": flow.load.statuses,
        "delivered": asdict(flow.latency),
        "answer": asdict(percentiles_ms(flow.load.latencies_s)),
        "send_lag": asdict(percentiles_ms(flow.load.send_lag_s)),
    }
