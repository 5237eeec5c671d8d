"""One source, ten destinations: every request becomes ten deliveries, and each receiver is accounted for by itself."""

import asyncio
import time

from bench.context import Bench
from bench.deliveries import account
from bench.flow import split_missing
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import FILL_S
from bench.setup import RoutePlan, routes_to


def receiver_names(fan: int) -> list[str]:
    return [f"fan{number}" for number in range(fan)]


async def run(bench: Bench) -> ScenarioResult:
    ceiling = await bench.ceilings.bare_client()
    names = receiver_names(bench.options.fan)
    requests = bench.options.backlog // len(names)
    plan = RoutePlan([bench.receivers.url(name) for name in names], max_concurrency=bench.options.max_concurrency)
    async with routes_to(bench.api, "fanout", plan) as routes:
        template = request_template(routes[0].endpoint, routes[0].tag)
        bench.say(f"fanout: {requests:,} requests to {len(names)} destinations each")
        started_us = int(time.time() * 1_000_000)
        async with bench.meter.measuring() as usage:
            load = await run_closed_loop(
                template,
                connections=bench.options.connections,
                max_seconds=bench.at_most_s(FILL_S),
                max_requests=requests,
            )
            timeout_s = bench.at_most_s(bench.options.settle_s)
            await asyncio.gather(
                *(
                    bench.receivers.wait_delivered(name, routes[0].tag, count=len(load.accepted), timeout_s=timeout_s)
                    for name in names
                )
            )
        each = [account(load.accepted, await bench.receivers.dump(name, routes[0].tag)) for name in names]
        missing = [await split_missing([route], delivered) for route, delivered in zip(routes, each, strict=True)]
    arrived = sum(delivered.arrived for delivered in each)
    last_us = max((delivered.received_us[-1] for delivered in each if delivered.arrived), default=started_us)
    per_s = arrived / max(1e-6, (last_us - started_us) / 1e6)
    bench.say(f"fanout: {arrived:,} deliveries, {per_s:,.0f}/s")
    return ScenarioResult(
        name="fanout",
        figures=(
            Figure(
                f"deliveries, {len(names)} from each request", per_s, "/s", ceiling.per_s, ceiling.name, better="higher"
            ),
            Figure("accepts meanwhile", load.accepted_per_s, "/s"),
        ),
        lost=sum(lost for lost, _ in missing),
        late=sum(late for _, late in missing),
        repeats=sum(delivered.repeats for delivered in each),
        forks=sum(delivered.forks for delivered in each),
        refused=load.refused,
        usage=usage,
        work_units=arrived,
        details={"arrived": dict(zip(names, (delivered.arrived for delivered in each), strict=True))},
    )
