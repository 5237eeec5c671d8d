"""The scenarios by name; each takes a Bench and gives one ScenarioResult."""

from collections.abc import Awaitable, Callable

from bench.context import Bench, Options
from bench.receiver_server import Behaviour
from bench.report import ScenarioResult
from bench.scenarios import (
    bulk,
    controls,
    drain,
    drain_revived,
    fanout,
    history,
    idle,
    ingress,
    large,
    latency,
    many,
    neighbour,
    pipeline,
    rate,
    rules,
    soak,
    statements,
)

Scenario = Callable[[Bench], Awaitable[ScenarioResult]]

SCENARIOS: dict[str, Scenario] = {
    "ingress": ingress.run,
    "drain": drain.run,
    "drain_revived": drain_revived.run,
    "pipeline": pipeline.run,
    "latency": latency.run,
    "neighbour": neighbour.run,
    "fanout": fanout.run,
    "many": many.run,
    "rules": rules.run,
    "large": large.run,
    "rate": rate.run,
    "statements": statements.run,
    "idle": idle.run,
    "soak": soak.run,
    "bulk": bulk.run,
    "history": history.run,
    "controls": controls.run,
}
# Without those that take minutes, and the one that wants seeded history.
DEFAULT = tuple(name for name in SCENARIOS if name not in ("soak", "history", "controls", "bulk"))


def receiver_behaviours(options: Options) -> dict[str, Behaviour]:
    """The receivers that the scenarios deliver to, by name."""
    return {
        "ceiling": Behaviour(),
        "fast": Behaviour(),
        "hanging": Behaviour("hanging"),
        "dying": Behaviour("erroring", status=503),
        **{name: Behaviour() for name in fanout.receiver_names(options.fan)},
    }
