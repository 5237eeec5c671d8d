"""How fast a backlog leaves: requests collect behind a paused connection, which is then unpaused."""

import time

from bench.context import Bench
from bench.deliveries import Delivered, account
from bench.flow import split_missing
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.recording import LoadResult
from bench.report import Figure, ScenarioResult
from bench.setup import Route, route_to
from bench.waiting import wait_for_count

FILL_S = 40.0


async def run(bench: Bench) -> ScenarioResult:
    ceiling = await bench.ceilings.bare_client()
    url = bench.receivers.url("fast")
    async with route_to(
        bench.api, "drain", destination_url=url, max_concurrency=bench.options.max_concurrency
    ) as route:
        await route.pause()
        bench.say(f"drain: collecting {bench.options.backlog:,} requests behind a paused connection")
        load = await fill(bench, route)
        held = await _wait_until_held(bench, route, len(load.accepted))
        bench.say(f"drain: {held:,} held, unpausing")
        async with bench.meter.measuring() as usage:
            released_us = int(time.time() * 1_000_000)
            await route.unpause()
            delivered = await collect(bench, route, "fast", load)
        lost, late = await split_missing([route], delivered)
    per_s = deliveries_per_s(delivered, released_us)
    bench.say(f"drain: {delivered.arrived:,} deliveries, {per_s:,.0f}/s")
    return ScenarioResult(
        name="drain",
        figures=(
            Figure("deliveries out of a backlog", per_s, "/s", ceiling.per_s, ceiling.name, better="higher"),
            Figure("first delivery after unpausing", first_after_ms(delivered, released_us), "ms"),
            Figure("accepts while filling", load.accepted_per_s, "/s"),
        ),
        lost=lost,
        late=late,
        repeats=delivered.repeats,
        forks=delivered.forks,
        refused=load.refused,
        usage=usage,
        work_units=delivered.arrived,
        details={"backlog": len(load.accepted), "held": held, "unaccepted": delivered.unaccepted},
    )


async def fill(bench: Bench, route: Route) -> LoadResult:
    """Post the backlog as fast as it is accepted."""
    return await run_closed_loop(
        request_template(route.endpoint, route.tag),
        connections=bench.options.connections,
        max_seconds=bench.at_most_s(FILL_S),
        max_requests=bench.options.backlog,
    )


async def collect(bench: Bench, route: Route, receiver: str, load: LoadResult) -> Delivered:
    """Wait until everything accepted has arrived, at most `settle_s`, and account for it."""
    timeout_s = bench.at_most_s(bench.options.settle_s)
    await bench.receivers.wait_delivered(receiver, route.tag, count=len(load.accepted), timeout_s=timeout_s)
    return account(load.accepted, await bench.receivers.dump(receiver, route.tag))


def deliveries_per_s(delivered: Delivered, released_us: int) -> float:
    """Everything that arrived over the time from the release to the last arrival."""
    if not delivered.arrived:
        return 0.0
    return delivered.arrived / max(1e-6, (delivered.received_us[-1] - released_us) / 1e6)


def first_after_ms(delivered: Delivered, released_us: int) -> float:
    return (delivered.received_us[0] - released_us) / 1000 if delivered.arrived else 0.0


async def _wait_until_held(bench: Bench, route: Route, expected: int) -> int:
    """Routing has caught up when every accepted request is a held event; the last count when it takes too long."""
    return await wait_for_count(route.held_count, at_least=expected, timeout_s=bench.at_most_s(bench.options.settle_s))
