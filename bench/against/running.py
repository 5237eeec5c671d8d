"""Starts two builds alike and puts the same scenarios on both in turns.

Both stay up all the time. The one that rests takes 2 % of a core, 3 to 6 % with the vacuum of what its own load left
behind, which both do to each other; starting it anew for each run would take 10 s, or put a minute between the halves
of a pair, in which a shared machine drifts by far more. What it took is in the report. Stopping it with SIGSTOP would
let its leases run out.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import mean

from bench.against.builds import Build
from bench.against.pairs import Run, Side, turns, values_of
from bench.ceilings import Ceilings
from bench.context import Bench, Options
from bench.installation import Installation, InstallationError, scratch_folder
from bench.measure import Meter, read_database_url
from bench.receivers import ReceiverProcess, receiver_process
from bench.scenarios import SCENARIOS, receiver_behaviours

SCENARIOS_BY_DEFAULT = ("drain", "pipeline", "ingress", "latency")
# Ten pairs of the four take about twenty minutes on two cores. One rate for latencies, one that no build holds.
OPTIONS = Options(
    warm_up_s=1.0,
    seconds=6.0,
    backlog=15_000,
    rates_per_s=(500, 4000),
    every_rate=True,
    step_s=4.0,
    many=100,
    idle_s=10.0,
    max_run_s=180.0,
)
PAIRS = 10
SIDES: tuple[Side, Side] = ("this", "other")
# The first start of a build installs its packages.
INSTALL_PATIENCE_S = 900.0
Say = Callable[[str], None]
Measure = Callable[[Side, str, int], Awaitable[Run]]


@dataclass(frozen=True, slots=True)
class Plan:
    names: Sequence[str]
    pairs: int
    options: Options


async def run_builds(builds: Mapping[Side, Build], plan: Plan, *, say: Say) -> list[Run]:
    """All runs, those of the warm-up included. Ends early, with everything stopped, when this process is told to."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with (
        receiver_process(receiver_behaviours(plan.options)) as receivers,
        _installations(builds, say) as installations,
    ):
        laboratory = Laboratory(installations, receivers, plan.options, say)
        return await take_turns(plan, laboratory.measure, say=say)


async def take_turns(plan: Plan, measure: Measure, *, say: Say) -> list[Run]:
    """A warm-up of each, then pair by pair every scenario on both sides. ValueError for a scenario that gives nothing
    to compare."""
    runs: list[Run] = []
    for pair in range(plan.pairs + 1):
        for name in plan.names:
            for side in turns(pair):
                run = await measure(side, name, pair)
                if not values_of(run.result):
                    raise ValueError(f"{name} has no figure that builds are compared by")
                runs.append(run)
                say(f"{progress_words(plan, run)}; about {left_s(plan, runs) / 60:.0f} min left")
    return runs


def progress_words(plan: Plan, run: Run) -> str:
    when = f"pair {run.pair} of {plan.pairs}" if run.pair else "warm-up"
    values = ", ".join(f"{value.value:,.0f} {value.unit}".rstrip() for value in values_of(run.result) if value.bound)
    return f"{when}, {run.result.name}, {run.side}: {values}" + ("" if run.result.is_sound else "   <-- NOT SOUND")


def left_s(plan: Plan, runs: Sequence[Run]) -> float:
    """What the runs still to come will take by those of the same scenario so far; others by the mean of all."""
    left = 0.0
    for name in plan.names:
        took = [run.seconds for run in runs if run.result.name == name]
        left += (2 * (plan.pairs + 1) - len(took)) * mean(took or [run.seconds for run in runs])
    return left


class Laboratory:
    """Two running installations, the receivers that both deliver to, and the ceilings, which are taken once."""

    def __init__(
        self, installations: Mapping[Side, Installation], receivers: ReceiverProcess, options: Options, say: Say
    ) -> None:
        self._installations = installations
        self._receivers = receivers
        self._options = options
        self._meters = {
            side: Meter(
                pid=installation.supervisor_pid,
                database_url=read_database_url(installation.data_dir),
                until_calm=True,
            )
            for side, installation in installations.items()
        }
        self._ceilings = Ceilings(
            receivers,
            say,
            connections=options.connections,
            seconds=min(2.0, options.seconds),
            web_workers=1,
            delivery_workers=1,
        )

    async def measure(self, side: Side, name: str, pair: int) -> Run:
        resting = self._meters["other" if side == "this" else "this"]
        began_s, spent_before = time.perf_counter(), resting.total_cpu()
        result = await SCENARIOS[name](self._bench(side))
        seconds = time.perf_counter() - began_s
        resting_share = resting.total_cpu().since(spent_before).total_s / seconds
        await self._receivers.reset("fast")
        usage = result.usage
        others = usage.others_cpu_s / usage.wall_s if usage is not None else 0.0
        return Run(pair, side, result, seconds, resting_share, max(0.0, others - resting_share))

    def _bench(self, side: Side) -> Bench:
        installation = self._installations[side]
        return Bench(
            api=installation.api,
            receivers=self._receivers,
            ceilings=self._ceilings,
            meter=self._meters[side],
            options=self._options,
            say=_say_nothing,
            database_url=read_database_url(installation.data_dir),
            database_log=installation.data_dir / "log" / "postgres.log",
        )


def _say_nothing(line: str) -> None:
    """A line for each run is enough; those of the scenarios are for one run that is watched."""


@asynccontextmanager
async def _installations(builds: Mapping[Side, Build], say: Say) -> AsyncIterator[dict[Side, Installation]]:
    """Both ready, one after another, with the same environment and no data; thrown away when the block ends."""
    async with AsyncExitStack() as stack:
        started: dict[Side, Installation] = {}
        for side in SIDES:
            build = builds[side]
            folder = stack.enter_context(scratch_folder())
            say(f"starting {side}: {build.words}")
            if not build.is_installed:
                say(f"{side} installs its packages first, which takes a minute or two")
            installation = Installation(folder, data_dir=folder / "data", settings={}, checkout=build.folder)
            stack.push_async_callback(installation.stop)
            try:
                await installation.start(patience_s=INSTALL_PATIENCE_S)
            except InstallationError as fault:
                raise InstallationError(f"{side}, {build.words}: {fault}") from fault
            started[side] = installation
        yield started
