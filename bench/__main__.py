"""`python -m bench [scenario ...]`: measures the running product on this machine; exits 1 on any loss or omission."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
import uvloop

from bench.api import Api, ApiError, read_credentials
from bench.ceilings import Ceilings
from bench.context import Bench, Options
from bench.http import UnreachableError
from bench.measure import Meter, product_pid, read_database_url
from bench.receiver_server import Behaviour
from bench.receivers import receiver_process
from bench.report import Progress, ScenarioResult, format_comparison, format_table, read_earlier, write_json
from bench.scenarios import DEFAULT, SCENARIOS
from bench.scenarios.fanout import receiver_names


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    defaults = Options()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    choices = ", ".join(SCENARIOS)
    parser.add_argument("scenarios", nargs="*", default=["all"], help=f"any of {choices}; all = {', '.join(DEFAULT)}")
    parser.add_argument("--json", type=Path, help="write the whole result to this file")
    parser.add_argument("--against", type=Path, help="a file of an earlier --json: shows the figures beside its own")
    parser.add_argument("--url", help="the product's base URL (default: the credentials' base_url)")
    parser.add_argument("--credentials", type=Path, default=Path(".data/credentials.json"))
    parser.add_argument("--pid", type=int, help="the product's supervisor (default: .data/supervisor.lock)")
    parser.add_argument("--database-url", help="for Postgres's own counters (default: of .data/env)")
    parser.add_argument("--connections", type=int, default=defaults.connections)
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="length of a closed-loop load")
    parser.add_argument("--backlog", type=int, default=defaults.backlog, help="requests the drain scenarios collect")
    parser.add_argument("--rates", help="comma list of arrival rates for pipeline")
    parser.add_argument("--step", type=float, default=defaults.step_s, help="seconds at each rate")
    parser.add_argument("--bulk-events", type=int, default=defaults.bulk_events, help="failed events of bulk")
    parser.add_argument("--soak-events", type=int, default=defaults.soak_events)
    parser.add_argument("--max-concurrency", type=int, default=defaults.max_concurrency, help="of the destinations")
    parser.add_argument("--web-workers", type=int, help="of the bare ASGI server (default: as many as the product's)")
    parser.add_argument("--delivery-workers", type=int, help="bare HTTP clients (default: as many as the product's)")
    parser.add_argument("--max-seconds", type=float, default=defaults.max_run_s, help="bound of the whole run")
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.scenarios) - SCENARIOS.keys() - {"all"}
    if unknown:
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are {choices} and all")
    return parsed


def options_from(parsed: argparse.Namespace) -> Options:
    options = Options(
        connections=parsed.connections,
        seconds=parsed.seconds,
        backlog=parsed.backlog,
        step_s=parsed.step,
        max_concurrency=parsed.max_concurrency,
        max_run_s=parsed.max_seconds,
        soak_events=parsed.soak_events,
        bulk_events=parsed.bulk_events,
    )
    if parsed.rates:
        options = replace(options, rates_per_s=tuple(int(rate) for rate in parsed.rates.split(",")))
    return options


def scenario_names(asked: Sequence[str]) -> list[str]:
    """The asked scenarios in order, each once; `all` stands for the default set."""
    names = [name for each in asked for name in (DEFAULT if each == "all" else (each,))]
    return list(dict.fromkeys(names))


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
    receivers = {
        "ceiling": Behaviour(),
        "fast": Behaviour(),
        "hanging": Behaviour("hanging"),
        "dying": Behaviour("erroring", status=503),
        **{name: Behaviour() for name in receiver_names(options.fan)},
    }
    results: list[ScenarioResult] = []
    async with receiver_process(receivers) as process:
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
    pid = product_pid(parsed.pid, parsed.credentials.parent)
    if pid is None:
        say("no running supervisor found (--pid or .data/supervisor.lock): CPU and memory are not measured")
    data_dir = parsed.credentials.parent
    database_url = parsed.database_url or read_database_url(data_dir)
    meter = Meter(pid=pid, database_url=database_url)
    try:
        api = read_credentials(parsed.credentials, parsed.url)
        earlier = read_earlier(parsed.against) if parsed.against else {}
        names, options = scenario_names(parsed.scenarios), options_from(parsed)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results, ceilings = runner.run(
                run_scenarios(
                    api,
                    names,
                    options=options,
                    meter=meter,
                    say=say,
                    web_workers=parsed.web_workers or meter.worker_count("web"),
                    delivery_workers=parsed.delivery_workers or meter.worker_count("worker:deliver"),
                    database_url=database_url,
                    database_log=data_dir / "log" / "postgres.log",
                )
            )
    except (ValueError, ApiError, UnreachableError, OSError, psycopg.Error) as fault:
        say(f"stopped: {fault}")
        return 2
    print(format_table(results, ceilings.taken()))
    if earlier:
        print(format_comparison(results, earlier))
    if parsed.json is not None:
        write_json(parsed.json, results, ceilings.taken())
    return 0 if len(results) == len(names) and all(result.is_sound for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
