"""How fast retries leave when a dead destination comes alive: 503 to everything first, then 200."""

import time

from bench.context import Bench
from bench.flow import split_missing
from bench.receiver_server import Behaviour
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import collect, deliveries_per_s, fill, first_after_ms
from bench.setup import Rule, route_to
from bench.waiting import wait_for_count

RETRY_INTERVAL_MS = 5_000
RETRY_RULE: Rule = {"type": "retry", "strategy": "linear", "interval": RETRY_INTERVAL_MS, "count": 50}


async def run(bench: Bench) -> ScenarioResult:
    ceiling = await bench.ceilings.bare_client()
    url = bench.receivers.url("dying")
    await bench.receivers.set_behaviour("dying", Behaviour("erroring", status=503))
    await bench.receivers.reset("dying")
    async with route_to(
        bench.api,
        "revived",
        destination_url=url,
        max_concurrency=bench.options.max_concurrency,
        rules=[RETRY_RULE],
    ) as route:
        bench.say(f"drain_revived: {bench.options.backlog:,} requests for a destination that answers 503")
        load = await fill(bench, route)
        tried = await _wait_until_tried(bench, len(load.accepted))
        bench.say(f"drain_revived: {tried:,} events tried, the destination comes alive")
        async with bench.meter.measuring() as usage:
            revived_us = int(time.time() * 1_000_000)
            await bench.receivers.set_behaviour("dying", Behaviour("fast"))
            delivered = await collect(bench, route, "dying", load)
        lost, late = await split_missing([route], delivered)
    per_s = deliveries_per_s(delivered, revived_us)
    bench.say(f"drain_revived: {delivered.arrived:,} deliveries, {per_s:,.0f}/s (retries {RETRY_INTERVAL_MS} ms apart)")
    return ScenarioResult(
        name="drain_revived",
        figures=(
            Figure("retried deliveries after revival", per_s, "/s", ceiling.per_s, ceiling.name, better="higher"),
            Figure("first delivery after revival", first_after_ms(delivered, revived_us), "ms"),
        ),
        lost=lost,
        late=late,
        repeats=delivered.repeats,
        forks=delivered.forks,
        refused=load.refused,
        usage=usage,
        work_units=delivered.arrived,
        details={"backlog": len(load.accepted), "tried_before_revival": tried},
    )


async def _wait_until_tried(bench: Bench, expected: int) -> int:
    """Every event has had its first attempt; the last count when it takes too long."""

    async def tried() -> int:
        return (await bench.receivers.counts("dying")).events

    return await wait_for_count(tried, at_least=expected, timeout_s=bench.at_most_s(bench.options.settle_s))
