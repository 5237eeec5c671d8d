"""Whether a destination's rate limit holds: deliveries that start within any window of its period, out of a backlog.

Start the product with DELIVER_WORKERS=4 to see it hold across workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.context import Bench
from bench.deliveries import Delivered
from bench.flow import split_missing
from bench.load import run_closed_loop
from bench.payload import request_template
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import collect
from bench.setup import RoutePlan, routes_to

PERIOD_US = 1_000_000
BACKLOG_S = 10
# A start is seen where it arrives: what the network and the receiver's loop add moves it by a few milliseconds.
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """`busiest`: the most arrivals in any window of one second; `per_s` from the first arrival to the last."""

    limit: int
    busiest: int
    per_s: float
    delivered: Delivered
    lost: int
    late: int
    refused: int


async def run(bench: Bench) -> ScenarioResult:
    trials = [await _trial(bench, limit) for limit in bench.options.limits_per_s]
    figures = []
    broken = []
    for trial in trials:
        name = f"limit {trial.limit}/s"
        figures.append(Figure(f"{name}: most in any second", trial.busiest, "", trial.limit, "limit"))
        figures.append(Figure(f"{name}: rate held", trial.per_s, "/s", trial.limit, "limit"))
        if trial.busiest > trial.limit * (1 + TOLERANCE):
            broken.append(f"{trial.busiest} deliveries within a second at a limit of {trial.limit}/s")
    return ScenarioResult(
        name="rate",
        figures=tuple(figures),
        lost=sum(trial.lost for trial in trials),
        late=sum(trial.late for trial in trials),
        repeats=sum(trial.delivered.repeats for trial in trials),
        forks=sum(trial.delivered.forks for trial in trials),
        refused=sum(trial.refused for trial in trials),
        work_units=sum(trial.delivered.arrived for trial in trials),
        broken=tuple(broken),
        details={"delivery_workers": bench.meter.worker_count("worker:deliver")},
    )


async def _trial(bench: Bench, limit: int) -> Held:
    plan = RoutePlan(
        [bench.receivers.url("fast")],
        max_concurrency=bench.options.max_concurrency,
        config={"rate_limit": limit, "rate_limit_period": "second"},
    )
    async with routes_to(bench.api, "rate", plan) as (route,):
        bench.say(f"rate: {limit * BACKLOG_S:,} events for a destination limited to {limit}/s")
        load = await run_closed_loop(
            request_template(route.endpoint, route.tag),
            connections=bench.options.connections,
            max_seconds=bench.at_most_s(BACKLOG_S),
            max_requests=limit * BACKLOG_S,
        )
        delivered = await collect(bench, route, "fast", load)
        lost, late = await split_missing([route], delivered)
    arrivals = delivered.received_us
    span_s = (arrivals[-1] - arrivals[0]) / 1e6 if len(arrivals) > 1 else 0.0
    busiest = most_in_any_window(arrivals, PERIOD_US)
    bench.say(f"rate: at most {busiest} in any second")
    per_s = (len(arrivals) - 1) / span_s if span_s else 0.0
    return Held(limit, busiest, per_s, delivered, lost, late, load.refused)


def most_in_any_window(moments_us: Sequence[int], window_us: int) -> int:
    """The largest number of moments (ascending) within any half-open window of this length."""
    most = first = 0
    for last, moment in enumerate(moments_us):
        while moment - moments_us[first] >= window_us:
            first += 1
        most = max(most, last - first + 1)
    return most
