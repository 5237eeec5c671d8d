"""`python -m bench [scenario ...]`: measures the running product, or this build beside another one, on this machine."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
import uvloop

from bench.against.builds import Build, alone_in, copy_checkout, find_build
from bench.against.pairs import Side, compare, unsound
from bench.against.report import comparison_document, format_report
from bench.against.running import Plan, run_builds
from bench.api import Api, ApiError, read_credentials
from bench.ceilings import Ceilings
from bench.command_line import DATA_DIR, options_from, parse_arguments
from bench.context import Bench, Options
from bench.http import UnreachableError
from bench.installation import InstallationError
from bench.measure import Meter, product_pid, read_database_url
from bench.receivers import REPOSITORY, receiver_process
from bench.report import Progress, ScenarioResult, format_table, write_document, write_json
from bench.scenarios import SCENARIOS, receiver_behaviours


async def run_scenarios(
    api: Api,
    names: Sequence[str],
    *,
    options: Options,
    meter: Meter,
    say: Progress,
    web_workers: int = 1,
    delivery_workers: int = 1,
    database_url: str | None = None,
    database_log: Path = Path(".data/log/postgres.log"),
) -> tuple[list[ScenarioResult], Ceilings]:
    """The scenarios one after another against one receiver process; without time for more, the rest is left out."""
    results: list[ScenarioResult] = []
    async with receiver_process(receiver_behaviours(options)) as process:
        ceilings = Ceilings(
            process,
            say,
            connections=options.connections,
            seconds=min(4.0, options.seconds),
            web_workers=web_workers,
            delivery_workers=delivery_workers,
            database_url=database_url,
        )
        bench = Bench(
            api=api,
            receivers=process,
            ceilings=ceilings,
            meter=meter,
            options=options,
            say=say,
            database_url=database_url,
            database_log=database_log,
        )
        for name in names:
            if bench.left_s <= 0:
                say(f"{name}: left out, the run's {options.max_run_s:.0f} s are used up")
                continue
            results.append(await SCENARIOS[name](bench))
            await process.reset("fast")
    return results, ceilings


def main() -> int:
    parsed = parse_arguments(sys.argv[1:])
    say = Progress()
    try:
        return measure_against(parsed, say) if parsed.against else measure_alone(parsed, say)
    except (ValueError, InstallationError, ApiError, UnreachableError, OSError, psycopg.Error) as fault:
        say(f"stopped: {fault}")
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("interrupted")
        return 130


def measure_alone(parsed: argparse.Namespace, say: Progress) -> int:
    """The installation that runs, once."""
    credentials = parsed.credentials or DATA_DIR / "credentials.json"
    data_dir = credentials.parent
    pid = product_pid(parsed.pid, data_dir)
    if pid is None:
        say("no running supervisor found (--pid or .data/supervisor.lock): CPU and memory are not measured")
    database_url = parsed.database_url or read_database_url(data_dir)
    meter = Meter(pid=pid, database_url=database_url)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results, ceilings = runner.run(
            run_scenarios(
                read_credentials(credentials, parsed.url),
                parsed.scenarios,
                options=options_from(parsed),
                meter=meter,
                say=say,
                web_workers=parsed.web_workers or meter.worker_count("web"),
                delivery_workers=parsed.delivery_workers or meter.worker_count("worker:deliver"),
                database_url=database_url,
                database_log=data_dir / "log" / "postgres.log",
            )
        )
    print(format_table(results, ceilings.taken()))
    if parsed.json is not None:
        write_json(parsed.json, results, ceilings.taken())
    return 0 if len(results) == len(parsed.scenarios) and all(result.is_sound for result in results) else 1


def measure_against(parsed: argparse.Namespace, say: Progress) -> int:
    """This build and another one, in pairs."""
    plan = Plan(parsed.scenarios, parsed.pairs, options_from(parsed))
    kept_in = REPOSITORY / DATA_DIR / "builds"
    with alone_in(kept_in), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        builds: dict[Side, Build] = {
            "other": find_build(parsed.against, kept_in=kept_in),
            "this": copy_checkout(REPOSITORY, kept_in / "this"),
        }
        runs = runner.run(run_builds(builds, plan, say=say))
    comparisons = compare(runs)
    print(format_report(builds, runs, comparisons))
    if parsed.json is not None:
        write_document(parsed.json, comparison_document(builds, runs, comparisons))
    return 1 if unsound(runs) or any(each.is_worse for each in comparisons) else 0


if __name__ == "__main__":
    sys.exit(main())
