"""How many requests a second a source accepts durably, on a source with no connection, and whether all are stored."""

from dataclasses import asdict

from bench.context import Bench
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.recording import percentiles_ms
from bench.report import Figure, ScenarioResult
from bench.setup import bare_source


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    generator = await bench.ceilings.generator()
    ceiling = await bench.ceilings.bare_asgi()
    storage = await bench.ceilings.copy()
    async with bare_source(bench.api, "ingress") as source:
        template = request_template(source.endpoint, source.tag)
        warm_up = await run_closed_loop(template, connections=options.connections, max_seconds=options.warm_up_s)
        bench.say(f"ingress: {options.connections} connections for {options.seconds:.0f} s")
        async with bench.meter.measuring() as usage:
            load = await run_closed_loop(
                template, connections=options.connections, max_seconds=bench.at_most_s(options.seconds)
            )
        stored = await bench.api.count("requests", source_id=source.source_id)
    answer = percentiles_ms(load.latencies_s)
    bench.say(f"ingress: {load.accepted_per_s:,.0f} accepted/s, p99 {answer.p99_ms:.1f} ms, statuses {load.statuses}")
    return ScenarioResult(
        name="ingress",
        figures=(
            Figure("durable accepts", load.accepted_per_s, "/s", ceiling.per_s, ceiling.name, better="higher"),
            *(
                [Figure("the same beside bare storage", load.accepted_per_s, "/s", storage.per_s, storage.name)]
                if storage
                else []
            ),
            Figure("answer p50", answer.p50_ms, "ms", better="lower"),
            Figure("answer p99", answer.p99_ms, "ms", better="lower"),
            Figure("generator's share of one CPU", load.cpu_s / load.elapsed_s * 100, "%"),
        ),
        lost=max(0, len(load.accepted) + len(warm_up.accepted) - stored),
        refused=load.refused,
        usage=usage,
        work_units=len(load.accepted),
        details={
            "answer": asdict(answer),
            "statuses": load.statuses,
            "lost_connections": load.lost_connections,
            "unanswered": load.unanswered,
            "stored": stored,
            "generator_per_s": generator.per_s,
        },
    )
