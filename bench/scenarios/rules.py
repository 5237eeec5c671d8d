"""What rules cost: CPU of the routing workers, with their sandboxes, per event with each kind of rule, behind a paused
connection.

Held events are made by routing alone, so nothing of delivery is in the figure. Routing is held while the requests
collect, so that every kind is measured over batches of the same size. Kinds take turns, since a shared machine drifts.
The first rule that looks at a payload pays for reading and parsing it, whatever the rule; what one more costs is the
difference between two kinds that both look at it.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bench.context import Bench
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import FILL_S
from bench.setup import Rule, route_to, transform_by
from bench.waiting import wait_for_count

ROUTING = "worker:route"
TURNS = 4
# 4 KB that read the 1.2 KB order and make another document of it.
TRANSFORMATION = Path(__file__).parent.parent / "order.js"
BOTH = "both"
KINDS: Mapping[str, list[Rule]] = {
    "no rule": [],
    "a filter": [
        {"type": "filter", "body": {"type": {"$in": ["order.paid", "order.sent"]}, "amount.value": {"$gt": 10}}}
    ],
    "a deduplication": [{"type": "deduplicate", "window": 60_000, "include_fields": ["headers.x-bench-id"]}],
    BOTH: [
        {"type": "deduplicate", "window": 60_000, "include_fields": ["headers.x-bench-id"]},
        {"type": "filter", "body": {"type": {"$in": ["order.paid", "order.sent"]}, "amount.value": {"$gt": 10}}},
    ],
}


async def run(bench: Bench) -> ScenarioResult:
    async with transform_by(bench.api, "rules", TRANSFORMATION.read_text()) as transform:
        return await _compare(bench, {**KINDS, "a transformation": [transform]})


async def _compare(bench: Bench, kinds: Mapping[str, list[Rule]]) -> ScenarioResult:
    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    lost = refused = work = 0
    for turn in range(TURNS):
        for kind, rules in kinds.items():
            accepted, held, missed, cpu_us = await _hold(bench, rules)
            costs[kind].append(cpu_us)
            lost, refused, work = lost + accepted - held, refused + missed, work + held
            bench.say(f"rules: {kind}, turn {turn + 1}: {cpu_us:.1f} us of routing each")
    cost = {kind: median(turns) for kind, turns in costs.items()}
    plain = cost["no rule"]
    return ScenarioResult(
        name="rules",
        figures=(
            Figure("routing one event without rules", plain, "us", better="lower"),
            *(Figure(f"more with {kind}", cost[kind] - plain, "us") for kind in kinds if kind != "no rule"),
            Figure("more with a filter after a deduplication", cost[BOTH] - cost["a deduplication"], "us"),
        ),
        lost=lost,
        refused=refused,
        work_units=work,
        details={"cpu_us": costs},
    )


async def _hold(bench: Bench, rules: list[Rule]) -> tuple[int, int, int, float]:
    """(accepted, held, refused, microseconds of routing CPU per event)."""
    url = bench.receivers.url("fast")
    async with route_to(bench.api, "rules", destination_url=url, max_concurrency=None, rules=rules) as route:
        await route.pause()
        with bench.meter.stopped(ROUTING):
            load = await run_closed_loop(
                request_template(route.endpoint, route.tag),
                connections=bench.options.connections,
                max_seconds=bench.at_most_s(FILL_S),
                max_requests=bench.options.rules_events,
            )
        async with bench.meter.measuring() as usage:
            held = await wait_for_count(
                route.held_count, at_least=len(load.accepted), timeout_s=bench.at_most_s(bench.options.settle_s)
            )
    return len(load.accepted), held, load.refused, usage.cpu_s.get(ROUTING, 0.0) / max(1, held) * 1e6
