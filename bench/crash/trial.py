"""One trial: a steady load, a fault in the middle of it, and the accounts once everything has settled."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.api import ApiError
from bench.crash.accounting import Struck, count_in_flight, recovery_of
from bench.crash.injected_faults import RECEIVER, Scene
from bench.crash.outcome import Leftover, Outcome
from bench.crash.scenarios import Scenario
from bench.deliveries import account
from bench.http import UnreachableError
from bench.load import run_open_loop
from bench.payload import request_template, webhook_body
from bench.recording import LoadResult
from bench.setup import Route, route_to

# A source is known to the web process within a second of its making.
SOURCE_KNOWN_S = 1.0
POLL_S = 0.2
MAX_CONNECTIONS = 128
UNSETTLED = Leftover(waiting=-1)


@dataclass(frozen=True, slots=True)
class _Run:
    load: LoadResult
    struck: Struck
    casualties: tuple[str, ...]


async def run_trial(name: str, scenario: Scenario, scene: Scene) -> Outcome:
    """The outcome, whatever it is; InstallationError when the installation cannot be used at all."""
    timing = scene.timing
    await scene.receivers.reset(RECEIVER)
    async with route_to(
        scene.installation.api,
        f"crash-{name}",
        destination_url=scene.receivers.url(RECEIVER),
        max_concurrency=timing.max_concurrency,
        rules=scenario.rules,
    ) as route:
        await asyncio.sleep(SOURCE_KNOWN_S)
        run = await _load_and_strike(scenario, scene, route)
        await scene.installation.wait_until_ready()
        leftover = await _settle(scene, route)
        records = await scene.receivers.dump(RECEIVER, route.tag)
    delivered = account(run.load.accepted, records)
    lost, _ = delivered.split_missing(leftover.rows)
    return Outcome(
        scenario=name,
        offered=run.load.planned,
        statuses=run.load.statuses,
        unanswered=run.load.planned - sum(run.load.statuses.values()),
        delivered=delivered.arrived - delivered.unaccepted,
        unaccepted=delivered.unaccepted,
        lost=lost,
        repeats=delivered.repeats,
        in_flight=count_in_flight(records, run.struck, answer_us=timing.answer_ms * 1000),
        forks=delivered.forks,
        recovery=recovery_of(records, run.load.accepted, run.struck),
        leftover=leftover,
        casualties=run.casualties,
        stop_s=scene.stop_s,
        must_refuse=scenario.must_refuse,
    )


async def _load_and_strike(scenario: Scenario, scene: Scene, route: Route) -> _Run:
    timing = scene.timing
    template = request_template(route.endpoint, route.tag, body=webhook_body(scenario.body_bytes))
    before = scene.installation.processes()
    load = asyncio.create_task(
        run_open_loop(
            template,
            rate_per_s=timing.rate_per_s,
            seconds=timing.lead_s + scenario.fault_s(timing) + timing.tail_s,
            max_connections=MAX_CONNECTIONS,
        )
    )
    try:
        await asyncio.sleep(timing.lead_s)
        struck = await scenario.fault(scene)
        result = await load
    finally:
        load.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await load
    left = scene.installation.processes()
    ended = sorted({role for pid, role in before.items() if pid not in left and role not in scenario.ends | {"other"}})
    return _Run(result, struck, tuple(ended))


async def _settle(scene: Scene, route: Route) -> Leftover:
    """Waits until nothing is left to do, at most `settle_s`; what is left either way."""
    deadline_s = time.perf_counter() + scene.timing.settle_s
    while True:
        leftover = await _look(scene, route)
        if leftover == Leftover() or time.perf_counter() > deadline_s:
            return leftover
        await asyncio.sleep(POLL_S)


async def _look(scene: Scene, route: Route) -> Leftover:
    try:
        jobs = await asyncio.to_thread(_count_jobs, scene.installation.database_url)
        return Leftover(await route.waiting_count(), *jobs)
    except (psycopg.OperationalError, ApiError, UnreachableError, TimeoutError):
        return UNSETTLED


def _count_jobs(database_url: str) -> tuple[int, int, int]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row: Any = connection.execute(
            "SELECT (SELECT count(*) FROM route_job), (SELECT count(*) FROM delivery_job),"
            " (SELECT count(*) FROM route_job WHERE lease_token IS NOT NULL)"
            " + (SELECT count(*) FROM delivery_job WHERE lease_token IS NOT NULL)"
        ).fetchone()
    return int(row[0]), int(row[1]), int(row[2])
