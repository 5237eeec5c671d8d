"""`python -m bench.crash [scenario ...]`: breaks a FastHook of its own under load; exits 1 unless all is sound."""

import argparse
import asyncio
import os
import platform
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import uvloop

from bench.api import ApiError
from bench.crash.injected_faults import RECEIVER, Scene
from bench.crash.outcome import LeftOut, Outcome, Round
from bench.crash.report import format_markdown, format_table, replace_between_marks, write_json
from bench.crash.scenarios import SCENARIOS, Scenario
from bench.crash.small_disk import NoSmallDisk, SmallDisk, small_disk
from bench.crash.timing import NORMAL, QUICK, Timing
from bench.crash.trial import run_trial
from bench.http import UnreachableError
from bench.installation import Installation, InstallationError, scratch_folder
from bench.receiver_server import Behaviour
from bench.receivers import ReceiverProcess, receiver_process
from bench.report import Progress

# A body larger than this arrives in pieces, so that it can be cut in the middle.
RECEIVE_BUFFER = 4096
Say = Callable[[str], None]
WORDS = {name: scenario.words for name, scenario in SCENARIOS.items()}


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"any of {', '.join(SCENARIOS)} (default: all)")
    parser.add_argument("--runs", type=int, default=1, help="how often to go through them")
    parser.add_argument("--quick", action="store_true", help="less load, shorter faults and leases")
    parser.add_argument("--markdown", type=Path, help="write the report between the two marks in this file")
    parser.add_argument("--json", type=Path, help="write everything that was counted to this file")
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.scenarios) - SCENARIOS.keys()
    if unknown:
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    if parsed.runs < 1:
        parser.error("--runs must be at least 1")
    return parsed


async def run_round(names: Sequence[str], *, timing: Timing, receivers: ReceiverProcess, say: Say) -> Round:
    """The scenarios in order; those that need the same kind of installation share one."""
    outcomes: list[Outcome] = []
    left_out: list[LeftOut] = []
    kinds = {(SCENARIOS[name].delivery_workers, SCENARIOS[name].on_small_disk): None for name in names}
    for kind in kinds:
        of_this_kind = [
            name for name in names if (SCENARIOS[name].delivery_workers, SCENARIOS[name].on_small_disk) == kind
        ]
        try:
            async with _installation(*kind, timing=timing, say=say) as (installation, disk):
                for name in of_this_kind:
                    scene = Scene(installation, receivers, timing, disk)
                    outcomes.append(await _tell(name, SCENARIOS[name], scene, say))
        except NoSmallDisk as reason:
            say(f"{', '.join(of_this_kind)}: left out, {reason}")
            left_out += [LeftOut(name, str(reason)) for name in of_this_kind]
    return Round(tuple(outcomes), tuple(left_out))


async def _tell(name: str, scenario: Scenario, scene: Scene, say: Say) -> Outcome:
    say(f"{name}: {scenario.words}")
    outcome = await run_trial(name, scenario, scene)
    say(
        f"{name}: {outcome.accepted} of {outcome.offered} accepted {dict(outcome.statuses)}, {outcome.delivered} "
        f"delivered, lost {outcome.lost}, repeats {outcome.repeats} of {outcome.in_flight}, first after "
        f"{outcome.recovery.first_s} s, caught up after {outcome.recovery.caught_up_s:.1f} s, "
        f"stuck {outcome.leftover.rows}"
        + ("" if outcome.is_sound else f"   <-- NOT SOUND: {'; '.join(outcome.faults)}")
    )
    return outcome


@asynccontextmanager
async def _installation(
    delivery_workers: int, on_small_disk: bool, *, timing: Timing, say: Say
) -> AsyncIterator[tuple[Installation, SmallDisk | None]]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        disk = stack.enter_context(small_disk(folder / "disk")) if on_small_disk else None
        prefix = disk.prefix if disk is not None else ()
        installation = Installation(
            folder, data_dir=(disk.folder if disk else folder) / "data", settings=timing.settings, prefix=prefix
        )
        say(f"starting an installation with {delivery_workers} delivery worker(s){' on a small disk' if disk else ''}")
        stack.push_async_callback(installation.stop)
        await installation.start(delivery_workers=delivery_workers)
        yield installation, disk


async def run(names: Sequence[str], *, runs: int, timing: Timing, say: Say) -> list[Round]:
    """`runs` rounds. Ends early, with everything stopped, when this process is told to."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    behaviour = Behaviour("slow", delay_ms=timing.answer_ms, receive_buffer=RECEIVE_BUFFER)
    rounds = []
    async with receiver_process({RECEIVER: behaviour}) as receivers:
        for number in range(1, runs + 1):
            say(f"run {number} of {runs}")
            rounds.append(await run_round(names, timing=timing, receivers=receivers, say=say))
    return rounds


def machine() -> dict[str, object]:
    return {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def preamble(timing: Timing, facts: Mapping[str, object], *, runs: int, command: str) -> str:
    """What the table below it was measured with."""
    changed = ", ".join(f"`{name}={value}`" for name, value in timing.settings.items()) or "those of `./script/up`"
    memory_gb = int(str(facts["memory_bytes"])) / 1e9
    return (
        f"{str(facts['finished_at'])[:10]}, `{command}`, {f'{runs} runs in a row' if runs > 1 else 'one run'}. "
        f"{facts['cpus']} CPUs, {memory_gb:.0f} GB of memory, {facts['system']}, Python {facts['python']}; load, "
        f"receiver and FastHook on the same machine. {timing.rate_per_s} requests a second, a receiver that answers "
        f"after {timing.answer_ms} ms, `max_concurrency` {timing.max_concurrency}; servers away for {timing.away_s:g} "
        f"s, the stopped worker for {timing.frozen_s:g} s. Settings: {changed}."
    )


def main() -> int:
    parsed = parse_arguments(sys.argv[1:])
    say = Progress()
    timing = QUICK if parsed.quick else NORMAL
    names = [name for name in SCENARIOS if name in parsed.scenarios or not parsed.scenarios]
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rounds = runner.run(run(names, runs=parsed.runs, timing=timing, say=say))
    except (InstallationError, ApiError, UnreachableError, OSError) as fault:
        say(f"stopped: {fault}")
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("interrupted")
        return 130
    facts = machine()
    print(format_table(rounds, WORDS))
    if parsed.json is not None:
        write_json(parsed.json, rounds, timing=timing, machine=facts)
    if parsed.markdown is not None:
        command = " ".join(["./script/crash", *parsed.scenarios, *(["--quick"] if parsed.quick else [])])
        text = preamble(timing, facts, runs=parsed.runs, command=command)
        report = format_markdown(rounds, WORDS, preamble=text)
        parsed.markdown.write_text(replace_between_marks(parsed.markdown.read_text(), report))
    return 0 if all(each.is_sound for each in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
