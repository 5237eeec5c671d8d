"""Everything that operators and deploy scripts do, at once, on live traffic: nothing crashes, nothing deadlocks, and
afterwards every event is where the table of states allows, saying what its attempts say.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bench.api import Api
from bench.context import Bench
from bench.evidence import Evidence
from bench.http import LOST, UnreachableError
from bench.load import run_open_loop
from bench.payload import request_template
from bench.recording import LoadResult
from bench.report import Figure, ScenarioResult
from bench.setup import Route, RoutePlan, routes_to
from bench.waiting import wait_for_count

RETRY = {"type": "retry", "strategy": "linear", "interval": 500, "count": 2}
# Refusals are answers too: what another operator has just deleted, disabled or retried.
ANSWERED = frozenset({200, 201, 202, 204, 404, 409})


class Operators:
    """Each does one thing after another, chosen by chance."""

    def __init__(self, api: Api, routes: list[Route]) -> None:
        self.api = api
        self.routes = routes
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        # The connection that is deleted and made anew all the time.
        self._replaced: str | None = None

    async def work(self, seed: int, seconds: float) -> None:
        rng, over_at = random.Random(seed), time.perf_counter() + seconds
        acts: list[tuple[Callable[[random.Random], Awaitable[None]], int]] = [
            (self._control_connection, 6),
            (self._control_end, 2),
            (self._act_on_events, 8),
            (self._retry_request, 2),
            (self._replace_connection, 1),
        ]
        while time.perf_counter() < over_at:
            [act] = rng.choices([act for act, _ in acts], [weight for _, weight in acts])
            await act(rng)

    async def repair(self) -> None:
        """Everything is on again, but for the connection that comes and goes."""
        await self._drop_replaced()
        for route in self.routes:
            for path in (f"sources/{route.source_id}", f"destinations/{route.destination_id}"):
                await self._call("PUT", f"/{path}/enable", "repair")
            for action in ("enable", "unpause"):
                await self._call("PUT", f"/connections/{route.connection_id}/{action}", "repair")

    async def _control_connection(self, rng: random.Random) -> None:
        action = rng.choice(("pause", "unpause", "unpause", "disable", "enable", "enable"))
        await self._call("PUT", f"/connections/{rng.choice(self.routes).connection_id}/{action}", action)

    async def _control_end(self, rng: random.Random) -> None:
        route = rng.choice(self.routes)
        path = rng.choice((f"sources/{route.source_id}", f"destinations/{route.destination_id}"))
        await self._call("PUT", f"/{path}/disable", "disable an end")
        await self._call("PUT", f"/{path}/enable", "enable an end")

    async def _act_on_events(self, rng: random.Random) -> None:
        listed = await self._list("events", connection_id=rng.choice(self.routes).connection_id)
        for event_id in rng.sample(listed, k=min(4, len(listed))):
            action = rng.choice(("retry", "cancel"))
            await self._call("POST", f"/events/{event_id}/{action}", f"{action} event")

    async def _retry_request(self, rng: random.Random) -> None:
        for request_id in (await self._list("requests", source_id=rng.choice(self.routes).source_id))[:1]:
            await self._call("POST", f"/requests/{request_id}/retry", "retry request")

    async def _replace_connection(self, rng: random.Random) -> None:
        await self._drop_replaced()
        route = rng.choice(self.routes)
        body = {
            "name": f"{route.tag}-replaced",
            "source_id": route.source_id,
            "destination_id": route.destination_id,
            "rules": [RETRY],
        }
        made = await self._call("PUT", "/connections", "create", body)
        self._replaced = str(made["id"]) if "id" in made else self._replaced

    async def _drop_replaced(self) -> None:
        gone, self._replaced = self._replaced, None
        if gone is not None:
            await self._call("DELETE", f"/connections/{gone}", "delete")

    async def _list(self, resource: str, **filters: str) -> list[str]:
        listed = await self._call("GET", f"/{resource}", "list", query={"limit": "20", **filters})
        return [str(model["id"]) for model in listed.get("models", [])]

    async def _call(
        self,
        method: str,
        path: str,
        name: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            status, answer = await self.api.ask(method, path, body, query=query)
        except UnreachableError as fault:
            status, answer = LOST, str(fault).encode()
        self.answers[f"{name} {status}"] += 1
        if status not in ANSWERED:
            self.wrong.append(f"{name}: {status} {answer[:300].decode(errors='replace')}")
        parsed: dict[str, Any] = json.loads(answer) if answer and status in ANSWERED else {}
        return parsed


async def run(bench: Bench) -> ScenarioResult:
    options = bench.options
    if bench.database_url is None:
        bench.say("controls: left out, it needs Postgres to see deadlocks and evidence (--database-url)")
        return ScenarioResult(name="controls", figures=(), lost=0)
    evidence = Evidence(bench.database_url, bench.api.team_id)
    urls = [bench.receivers.url(name) for name in ("fast", "dying", "fast")]
    plan = RoutePlan(urls, max_concurrency=options.max_concurrency, rules=[RETRY])
    async with routes_to(bench.api, "controls", plan) as routes:
        operators = Operators(bench.api, routes)
        bench.say(
            f"controls: {options.operators} operators on {options.controls_rate_per_s}/s for {options.controls_s:.0f} s"
        )
        before = evidence.deadlocks()
        sending = asyncio.create_task(_send(bench, routes[0]))
        await asyncio.gather(*(operators.work(seed, options.controls_s) for seed in range(options.operators)))
        load = await sending
        await operators.repair()
        waiting = await _wait_until_done(bench, evidence)
        deadlocks, faults = evidence.deadlocks() - before, evidence.faults()
        broken = _broken(operators, waiting, deadlocks=deadlocks, faults=faults)
    operations = sum(operators.answers.values())
    bench.say(f"controls: {operations:,} operations, {deadlocks} deadlocks; {dict(operators.answers.most_common())}")
    return ScenarioResult(
        name="controls",
        figures=(
            Figure("operations", operations / options.controls_s, "/s"),
            Figure("answers that are none", len(operators.wrong), ""),
            Figure("deadlocks", deadlocks, ""),
            Figure("accepted meanwhile", len(load.accepted) / options.controls_s, "/s"),
        ),
        lost=0,
        late=waiting,
        broken=broken,
        details={
            "answers": dict(operators.answers),
            "wrong": operators.wrong[:20],
            "attempts": evidence.attempts_count(),
        },
    )


async def _send(bench: Bench, route: Route) -> LoadResult:
    return await run_open_loop(
        request_template(route.endpoint, route.tag),
        rate_per_s=bench.options.controls_rate_per_s,
        seconds=bench.options.controls_s,
    )


async def _wait_until_done(bench: Bench, evidence: Evidence) -> int:
    """Events and requests that still wait when the time to settle is over."""

    async def done() -> int:
        return -evidence.waiting_count()

    return -await wait_for_count(done, at_least=0, timeout_s=bench.at_most_s(bench.options.settle_s))


def _broken(operators: Operators, waiting: int, *, deadlocks: int, faults: list[str]) -> tuple[str, ...]:
    broken = [f"{len(operators.wrong)} answers such as {operators.wrong[0]}"] if operators.wrong else []
    if deadlocks:
        broken.append(f"{deadlocks} deadlocks")
    if waiting:
        broken.append(f"{waiting} events or requests came to no end")
    return (*broken, *(f"evidence: {fault}" for fault in faults))
