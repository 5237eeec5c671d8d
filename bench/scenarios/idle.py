"""What an installation costs while nothing happens: CPU of every role, transactions in Postgres."""

import asyncio

from bench.context import Bench
from bench.report import Figure, ScenarioResult


async def run(bench: Bench) -> ScenarioResult:
    # What the last scenario left behind (ended routes, caches, statistics) is not idling.
    await asyncio.sleep(bench.options.calm_s)
    seconds = bench.options.idle_s
    bench.say(f"idle: watching for {seconds:.0f} s")
    async with bench.meter.measuring() as usage:
        await asyncio.sleep(seconds)
    shares = {role: spent / usage.wall_s * 100 for role, spent in sorted(usage.cpu_s.items()) if spent > 0}
    total = usage.cpu.total_s / usage.wall_s * 100
    bench.say(f"idle: {total:.2f} % of one CPU")
    figures = [Figure("CPU of all processes", total, "% of one CPU", better="lower")]
    figures += [Figure(f"of them {role}", share, "% of one CPU") for role, share in shares.items()]
    if usage.postgres is not None:
        transactions = (usage.postgres.commits + usage.postgres.rollbacks) / usage.wall_s
        figures.append(Figure("transactions in Postgres", transactions, "/s"))
    return ScenarioResult(name="idle", figures=tuple(figures), lost=0, usage=usage)
