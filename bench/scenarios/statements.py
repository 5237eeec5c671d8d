"""What a webhook costs in SQL statements at full load, from accept to delivered, counted in Postgres's own log."""

from bench.context import Bench
from bench.flow import split_missing
from bench.report import Figure, ScenarioResult
from bench.scenarios.drain import collect, fill
from bench.setup import route_to
from bench.statements import counting_statements

WORK = ("fasthook capture", "fasthook route", "fasthook deliver")


async def run(bench: Bench) -> ScenarioResult:
    if bench.database_url is None or not bench.database_log.exists():
        bench.say(f"statements: left out, it needs the embedded Postgres and its log {bench.database_log}")
        return ScenarioResult(name="statements", figures=(), lost=0)
    url = bench.receivers.url("fast")
    async with route_to(
        bench.api, "statements", destination_url=url, max_concurrency=bench.options.max_concurrency
    ) as route:
        bench.say(
            f"statements: {bench.options.backlog:,} requests as fast as they are accepted, every statement logged"
        )
        with counting_statements(bench.database_url, bench.database_log) as counts:
            load = await fill(bench, route)
            delivered = await collect(bench, route, "fast", load)
        lost, late = await split_missing([route], delivered)
    events = max(1, delivered.arrived)
    by_name = dict(counts.most_common())
    bench.say(f"statements: {sum(counts.values()):,} for {events:,} events: {by_name}")
    return ScenarioResult(
        name="statements",
        figures=(
            Figure("statements per 1,000 events, end to end", sum(counts.values()) / events * 1000, "", better="lower"),
            *(
                Figure(
                    f"of them {stage}",
                    sum(n for name, n in by_name.items() if name.startswith(stage)) / events * 1000,
                    "",
                )
                for stage in WORK
            ),
        ),
        lost=lost,
        late=late,
        repeats=delivered.repeats,
        forks=delivered.forks,
        refused=load.refused,
        work_units=delivered.arrived,
        details={"statements": by_name},
    )
