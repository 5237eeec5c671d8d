"""Large bodies: 256 KB through ingress, storage and delivery, and the memory that they take."""

import time

from bench.context import Bench
from bench.deliveries import account
from bench.flow import split_missing
from bench.load import run_closed_loop
from bench.measure import MEGABYTE
from bench.payload import request_template, webhook_body
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import FILL_S
from bench.setup import route_to

CONNECTIONS = 16


async def run(bench: Bench) -> ScenarioResult:
    size = bench.options.large_bytes
    server = await bench.ceilings.bare_asgi(size)
    client = await bench.ceilings.bare_client(size)
    url = bench.receivers.url("fast")
    async with route_to(
        bench.api, "large", destination_url=url, max_concurrency=bench.options.max_concurrency
    ) as route:
        bench.say(f"large: {bench.options.large_requests:,} bodies of {size // 1024} KB")
        started_us = int(time.time() * 1_000_000)
        async with bench.meter.measuring() as usage:
            load = await run_closed_loop(
                request_template(route.endpoint, route.tag, body=webhook_body(size)),
                connections=CONNECTIONS,
                max_seconds=bench.at_most_s(FILL_S),
                max_requests=bench.options.large_requests,
            )
            timeout_s = bench.at_most_s(bench.options.settle_s)
            await bench.receivers.wait_delivered("fast", route.tag, count=len(load.accepted), timeout_s=timeout_s)
        delivered = account(load.accepted, await bench.receivers.dump("fast", route.tag))
        lost, late = await split_missing([route], delivered)
    last_us = delivered.received_us[-1] if delivered.arrived else started_us
    per_s = delivered.arrived / max(1e-6, (last_us - started_us) / 1e6)
    bench.say(f"large: {load.accepted_per_s:,.0f} accepted/s, {per_s:,.0f} delivered/s")
    peak = sum(usage.peak_bytes.values()) / MEGABYTE
    return ScenarioResult(
        name="large",
        figures=(
            Figure(
                f"accepts of {size // 1024} KB", load.accepted_per_s, "/s", server.per_s, server.name, better="higher"
            ),
            Figure("accepted to delivered", per_s, "/s", client.per_s, client.name, better="higher"),
            Figure("delivered", per_s * size / MEGABYTE, "MB/s"),
            Figure("peak memory of all processes", peak, "MB"),
        ),
        lost=lost,
        late=late,
        repeats=delivered.repeats,
        forks=delivered.forks,
        refused=load.refused,
        usage=usage,
        work_units=delivered.arrived,
        details={"statuses": load.statuses},
    )
