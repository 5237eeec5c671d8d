"""Arguments of `./script/bench`: scenarios, sizes, and what is measured: one installation, or two builds."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.against.running import OPTIONS as AGAINST_OPTIONS
from bench.against.running import PAIRS, SCENARIOS_BY_DEFAULT
from bench.context import Options
from bench.scenarios import DEFAULT, SCENARIOS

# Flag, field of Options, type, words.
SIZES: tuple[tuple[str, str, type, str], ...] = (
    ("--connections", "connections", int, "of a closed-loop load"),
    ("--seconds", "seconds", float, "length of a closed-loop load"),
    ("--backlog", "backlog", int, "requests the drain scenarios collect"),
    ("--step", "step_s", float, "seconds at each rate of pipeline"),
    ("--bulk-events", "bulk_events", int, "failed events of bulk"),
    ("--soak-events", "soak_events", int, "events of soak"),
    ("--max-concurrency", "max_concurrency", int, "of the destinations"),
    ("--max-seconds", "max_run_s", float, "bound of the whole run; with --against of each scenario"),
)
# With --against the bench starts what it measures.
OF_ONE_INSTALLATION = ("url", "credentials", "pid", "database_url", "web_workers", "delivery_workers")
DATA_DIR = Path(".data")


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments, checked; `scenarios` are names without `all`, sizes that were not given are None."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.scenarios) - SCENARIOS.keys() - {"all"}
    if unknown:
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)} and all")
    given = [f"--{name.replace('_', '-')}" for name in OF_ONE_INSTALLATION if getattr(parsed, name) is not None]
    if parsed.against and given:
        parser.error(f"{', '.join(given)}: with --against both builds are started by the bench")
    if not parsed.against and parsed.pairs is not None:
        parser.error("--pairs goes with --against")
    parsed.pairs = PAIRS if parsed.pairs is None else parsed.pairs
    if parsed.pairs < 1:
        parser.error("--pairs must be at least 1")
    parsed.scenarios = scenario_names(parsed.scenarios or (SCENARIOS_BY_DEFAULT if parsed.against else ["all"]))
    return parsed


def options_from(parsed: argparse.Namespace) -> Options:
    """The defaults of what is asked for, and what was given instead."""
    options = AGAINST_OPTIONS if parsed.against else Options()
    given = {field: getattr(parsed, field) for _, field, _, _ in SIZES if getattr(parsed, field) is not None}
    if parsed.rates:
        given["rates_per_s"] = tuple(int(rate) for rate in parsed.rates.split(","))
    return replace(options, **given)


def scenario_names(asked: Sequence[str]) -> list[str]:
    """The asked scenarios in order, each once; `all` stands for the default set."""
    names = [name for each in asked for name in (DEFAULT if each == "all" else (each,))]
    return list(dict.fromkeys(names))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Measures a running FastHook over HTTP, or, with --against, this build beside another one.",
        epilog="Exit status: 0 all is well, 1 something was lost, left out or (--against) worse, 2 it could not run.",
    )
    parser.add_argument(
        "scenarios",
        nargs="*",
        help=f"any of {', '.join(SCENARIOS)}; all, the default = {', '.join(DEFAULT)}; "
        f"the default with --against = {', '.join(SCENARIOS_BY_DEFAULT)}",
    )
    parser.add_argument("--json", type=Path, help="write the whole result to this file")
    _add_against(parser.add_argument_group("two builds"))
    _add_installation(parser.add_argument_group("the installation that is measured, without --against"))
    sizes = parser.add_argument_group("sizes")
    for flag, field, kind, words in SIZES:
        sizes.add_argument(flag, dest=field, type=kind, help=f"{words} ({_defaults(field)})")
    sizes.add_argument("--rates", help=f"comma list of arrival rates for pipeline ({_defaults('rates_per_s')})")
    return parser


def _add_against(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--against",
        metavar="CHECKOUT_OR_COMMIT",
        help="start this build and another one, each with data and ports of its own, run the scenarios on both in "
        "turns and compare them pair by pair; a commit is checked out below .data/builds/ and kept there",
    )
    group.add_argument("--pairs", type=int, help=f"how many pairs, after a warm-up of each (default {PAIRS})")


def _add_installation(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--url", help="its base URL (default: the credentials' base_url)")
    group.add_argument("--credentials", type=Path, help="default: .data/credentials.json")
    group.add_argument("--pid", type=int, help="its supervisor (default: .data/supervisor.lock)")
    group.add_argument("--database-url", help="for Postgres's own counters (default: of .data/env)")
    group.add_argument("--web-workers", type=int, help="of the bare ASGI server (default: as many as the product's)")
    group.add_argument("--delivery-workers", type=int, help="bare HTTP clients (default: as many as the product's)")


def _defaults(field: str) -> str:
    alone, against = (_words(getattr(options, field)) for options in (Options(), AGAINST_OPTIONS))
    return f"default {alone}" if alone == against else f"default {alone}; with --against {against}"


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"
