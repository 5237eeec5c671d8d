"""A bulk retry of all that failed, its worker killed twice and the operation cancelled once, beside live traffic.

The destination answers 503 to every first attempt and then comes alive. The operation is cancelled half way, which
withdraws what it has waiting, and started again: together the two must have delivered every event once. Live requests
come to the same destination meanwhile.
"""

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Any

from bench.context import Bench
from bench.flow import Flow, measure_flow
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.receiver_server import Behaviour
from bench.recording import LoadResult
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import FILL_S
from bench.setup import Route, route_to
from bench.waiting import wait_for_count

BULK = "worker:bulk"
PATH = "/events/bulk_operations"
KILLED_AT, CANCELLED_AT = (0.15, 0.3), 0.5
# Gross delays only: everything is at its limit here, live traffic as well.
MAX_LIVE_P99_MS = 500.0


async def run(bench: Bench) -> ScenarioResult:
    url = bench.receivers.url("dying")
    await bench.receivers.reset("dying")
    async with route_to(bench.api, "bulk", destination_url=url, max_concurrency=bench.options.max_concurrency) as route:
        await bench.receivers.set_behaviour("dying", Behaviour("fast"))
        alone = await _measure_live(bench, route, "alone", seconds=bench.options.latency_s)
        await bench.receivers.set_behaviour("dying", Behaviour("erroring", status=503))
        load, failed = await _fail(bench, route)
        await bench.receivers.set_behaviour("dying", Behaviour("fast"))
        bench.say(f"bulk: {failed:,} failed events are retried, the worker killed twice, the operation cancelled once")
        stopping = asyncio.Event()
        live = asyncio.create_task(_measure_live_until(bench, route, stopping))
        async with bench.meter.measuring() as usage:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            first = await _run_first(bench, route, failed)
            # What still waits is withdrawn first: a page of the second would pass over it.
            cancelled = await _finish(bench, first["id"])
            second = await _start(bench, route)
            operations = [cancelled, await _finish(bench, second["id"])]
            elapsed_s = loop.time() - began_s
        stopping.set()
        beside = await live
        faults = await _account(bench, route, operations, failed, beside)
    return ScenarioResult(
        name="bulk",
        figures=(
            Figure("retried deliveries in bulk, kills and cancel included", failed / elapsed_s, "/s"),
            Figure("peak memory of the bulk worker", usage.peak_bytes.get(BULK, 0) / 1e6, "MB"),
            Figure("live p50 beside it, same destination", beside.latency.p50_ms, "ms", alone.latency.p50_ms, "alone"),
            Figure("live p99 beside it, same destination", beside.latency.p99_ms, "ms", alone.latency.p99_ms, "alone"),
        ),
        lost=len(load.accepted) - failed + alone.lost + beside.lost,
        refused=load.refused,
        usage=usage,
        work_units=failed,
        broken=tuple(faults),
        details={
            "operations": operations,
            "alone": asdict(alone.latency),
            "beside": asdict(beside.latency),
            "bulk_memory": [[round(at), held.get(BULK, 0)] for at, held in usage.memory],
        },
    )


async def _fail(bench: Bench, route: Route) -> tuple[LoadResult, int]:
    """Posts the requests and waits until their first attempts have failed; how many did."""
    load = await run_closed_loop(
        request_template(route.endpoint, route.tag),
        connections=bench.options.connections,
        max_seconds=bench.at_most_s(FILL_S * max(1, bench.options.bulk_events // 50_000)),
        max_requests=bench.options.bulk_events,
    )

    async def failed() -> int:
        return await bench.api.count("events", connection_id=route.connection_id, status="FAILED")

    timeout_s = bench.at_most_s(bench.options.settle_s * max(1, bench.options.bulk_events // 50_000))
    return load, await wait_for_count(failed, at_least=len(load.accepted), timeout_s=timeout_s)


async def _run_first(bench: Bench, route: Route, failed: int) -> dict[str, Any]:
    started = await _start(bench, route)
    for share in KILLED_AT:
        await _wait_queued(bench, started["id"], round(share * failed))
        bench.meter.kill(BULK)
        bench.say(f"bulk: killed the worker at {(await _read(bench, started['id']))['queued_count']:,}")
    await _wait_queued(bench, started["id"], round(CANCELLED_AT * failed))
    cancelled = await bench.api.call("POST", f"{PATH}/{started['id']}/cancel")
    bench.say(f"bulk: cancelled it at {cancelled['queued_count']:,}, and start it again when all is withdrawn")
    return cancelled


async def _start(bench: Bench, route: Route) -> dict[str, Any]:
    body = {"from": "now-1h", "status": ["FAILED", "CANCELLED"], "connection_id": route.connection_id}
    return await bench.api.call("POST", PATH, body)


async def _read(bench: Bench, operation_id: str) -> dict[str, Any]:
    return await bench.api.call("GET", f"{PATH}/{operation_id}")


async def _wait_queued(bench: Bench, operation_id: str, count: int) -> None:
    async def queued() -> int:
        return int((await _read(bench, operation_id))["queued_count"])

    await wait_for_count(queued, at_least=count, timeout_s=bench.at_most_s(bench.left_s))


async def _finish(bench: Bench, operation_id: str) -> dict[str, Any]:
    """Waits until everything that it queued is done or withdrawn."""

    async def is_over() -> int:
        return int((await _read(bench, operation_id))["finished_at"] is not None)

    await wait_for_count(is_over, at_least=1, timeout_s=bench.at_most_s(bench.left_s))
    return await _read(bench, operation_id)


async def _account(
    bench: Bench, route: Route, operations: list[dict[str, Any]], failed: int, beside: Flow
) -> list[str]:
    """What is not as it should be, in words."""
    queued, done, failures, withdrawn = (
        sum(int(each[f"{name}_count"]) for each in operations) for name in ("queued", "done", "failed", "cancelled")
    )
    records = await bench.receivers.dump("dying", route.tag)
    successes = Counter(event_id for _, event_id, _, _, status in records if status == 200)
    twice = sum(1 for count in successes.values() if count > 1)
    claimed = {
        "events were queued by the two operations and not withdrawn": queued - withdrawn,
        "events are delivered by their counts": done,
        "events were delivered to the receiver": len(successes),
    }
    faults = [f"{count:,} {words}, not {failed:,}" for words, count in claimed.items() if count != failed]
    if twice or failures:
        faults.append(f"{twice:,} events were delivered twice, {failures:,} failed again")
    if [each["status"] for each in operations] != ["CANCELLED", "COMPLETED"]:
        faults.append(f"the operations ended as {[each['status'] for each in operations]}")
    if beside.latency.p99_ms > MAX_LIVE_P99_MS:
        faults.append(f"live requests took {beside.latency.p99_ms:,.0f} ms (p99) beside it")
    return faults


async def _measure_live(bench: Bench, route: Route, label: str, *, seconds: float) -> Flow:
    rate_per_s = bench.options.latency_rate_per_s
    return await measure_flow(
        bench, route, "dying", rate_per_s=rate_per_s, seconds=bench.at_most_s(seconds), label=label
    )


async def _measure_live_until(bench: Bench, route: Route, stopping: asyncio.Event) -> Flow:
    """Stretches of live traffic until the operations are over; the one with the longest p99."""
    worst: Flow | None = None
    number = 0
    while worst is None or not stopping.is_set():
        number += 1
        flow = await _measure_live(bench, route, f"live{number}", seconds=bench.options.latency_s)
        if worst is None or flow.latency.p99_ms > worst.latency.p99_ms:
            worst = flow
    return worst
