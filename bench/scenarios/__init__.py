"""The scenarios by name; each takes a Bench and gives one ScenarioResult."""

from collections.abc import Awaitable, Callable

from bench.context import Bench
from bench.report import ScenarioResult
from bench.scenarios import drain, drain_revived, ingress, latency, neighbour, pipeline

Scenario = Callable[[Bench], Awaitable[ScenarioResult]]

SCENARIOS: dict[str, Scenario] = {
    "ingress": ingress.run,
    "drain": drain.run,
    "drain_revived": drain_revived.run,
    "pipeline": pipeline.run,
    "latency": latency.run,
    "neighbour": neighbour.run,
}
DEFAULT = ("ingress", "drain", "pipeline", "latency")
