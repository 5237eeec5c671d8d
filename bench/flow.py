"""One open-loop load through a whole route, watched at the receiver: the measurement that several scenarios share."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.context import Bench
from bench.deliveries import Delivered, account
from bench.load import run_open_loop
from bench.payload import Template, request_template
from bench.recording import LoadResult, Percentiles, percentiles_ms
from bench.setup import Route

# Half a second of arrivals may be under way; a longer backlog, or growth beyond 5 % of the rate, is falling behind.
BACKLOG_LIMIT_S = 0.5
GROWTH_LIMIT = 0.05


@dataclass(frozen=True, slots=True)
class Flow:
    """What came out at the other end, `latency` from the planned send time to the receiver's first byte of it."""

    rate_per_s: float
    seconds: float
    load: LoadResult
    delivered: Delivered
    latency: Percentiles
    lost: int
    late: int

    @property
    def backlog_at_half(self) -> int:
        return backlog_at(self.delivered, rate_per_s=self.rate_per_s, elapsed_s=self.seconds / 2)

    @property
    def backlog_at_end(self) -> int:
        return backlog_at(self.delivered, rate_per_s=self.rate_per_s, elapsed_s=self.seconds)

    @property
    def delivered_per_s(self) -> float:
        """Arrivals in the second half of the load, a second."""
        return self.rate_per_s - (self.backlog_at_end - self.backlog_at_half) / (self.seconds / 2)

    @property
    def through_per_s(self) -> float:
        """All that arrived over the time from the first planned send to the last arrival."""
        if not self.delivered.arrived:
            return 0.0
        span_us = self.delivered.received_us[-1] - min(self.delivered.planned_us)
        return self.delivered.arrived / max(1, span_us) * 1e6

    @property
    def is_sustained(self) -> bool:
        return keeps_up(
            rate_per_s=self.rate_per_s,
            seconds=self.seconds,
            refused=self.load.refused,
            backlog_at_half=self.backlog_at_half,
            backlog_at_end=self.backlog_at_end,
        )


def backlog_at(delivered: Delivered, *, rate_per_s: float, elapsed_s: float) -> int:
    """Requests planned but not arrived `elapsed_s` after the first planned one, exactly."""
    start_us = min(delivered.planned_us, default=0)
    return round(rate_per_s * elapsed_s) - delivered.arrived_by(start_us + int(elapsed_s * 1e6))


def keeps_up(*, rate_per_s: float, seconds: float, refused: int, backlog_at_half: int, backlog_at_end: int) -> bool:
    """Whether a route held the arrival rate: nothing refused, a short backlog at the end, and no growth before it."""
    growth = backlog_at_end - backlog_at_half
    return (
        refused == 0
        and backlog_at_end <= rate_per_s * BACKLOG_LIMIT_S
        and growth <= rate_per_s * GROWTH_LIMIT * seconds / 2
    )


async def measure_flow(
    bench: Bench, route: Route, receiver: str, *, rate_per_s: float, seconds: float, label: str = ""
) -> Flow:
    """Send at `rate_per_s` for `seconds`, wait until all accepted arrived (at most `settle_s`), account for it."""
    tag = f"{route.tag}-{label}" if label else route.tag
    template = request_template(route.endpoint, tag)
    return await measure_load(
        bench, [route], receiver, tag=tag, template=template, rate_per_s=rate_per_s, seconds=seconds
    )


async def measure_load(
    bench: Bench,
    routes: Sequence[Route],
    receiver: str,
    *,
    tag: str,
    template: Template,
    rate_per_s: float,
    seconds: float,
) -> Flow:
    """The same for a load over several routes, of which each request takes one."""
    load = await run_open_loop(template, rate_per_s=rate_per_s, seconds=seconds)
    timeout_s = bench.at_most_s(bench.options.settle_s)
    await bench.receivers.wait_delivered(receiver, tag, count=len(load.accepted), timeout_s=timeout_s)
    delivered = account(load.accepted, await bench.receivers.dump(receiver, tag))
    lost, late = await split_missing(routes, delivered)
    return Flow(
        rate_per_s=rate_per_s,
        seconds=seconds,
        load=load,
        delivered=delivered,
        latency=percentiles_ms(delivered.latencies_s),
        lost=lost,
        late=late,
    )


async def split_missing(routes: Sequence[Route], delivered: Delivered) -> tuple[int, int]:
    """(lost, late); the product is asked only when something is missing."""
    if not delivered.missing:
        return 0, 0
    return delivered.split_missing(sum([await route.waiting_count() for route in routes]))
