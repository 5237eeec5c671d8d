"""What every scenario is given: the API, the receivers, the ceilings, the meter, the options and a voice."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.api import Api
from bench.ceilings import Ceilings
from bench.measure import Meter
from bench.receivers import ReceiverProcess


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes of a run; the defaults keep a whole run below `max_run_s`."""

    connections: int = 64
    warm_up_s: float = 2.0
    seconds: float = 8.0
    backlog: int = 50_000
    rates_per_s: tuple[int, ...] = (250, 500, 1000, 1500, 2000, 2500, 3000, 4000)
    every_rate: bool = False
    step_s: float = 5.0
    latency_rate_per_s: int = 50
    latency_s: float = 10.0
    hanging_events: int = 5_000
    fan: int = 10
    many: int = 500
    many_rate_per_s: int = 1_000
    large_bytes: int = 256 * 1024
    large_requests: int = 2_000
    limits_per_s: tuple[int, ...] = (20, 200)
    rules_events: int = 10_000
    operators: int = 50
    controls_rate_per_s: int = 200
    controls_s: float = 60.0
    calm_s: float = 10.0
    idle_s: float = 20.0
    bulk_events: int = 100_000
    soak_events: int = 500_000
    soak_rate_per_s: int = 1_500
    max_concurrency: int = 100
    settle_s: float = 45.0
    max_run_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Bench:
    api: Api
    receivers: ReceiverProcess
    ceilings: Ceilings
    meter: Meter
    options: Options
    say: Callable[[str], None]
    database_url: str | None = None
    database_log: Path = Path(".data/log/postgres.log")
    started_s: float = field(default_factory=time.perf_counter)

    @property
    def left_s(self) -> float:
        return self.options.max_run_s - (time.perf_counter() - self.started_s)

    def at_most_s(self, wanted_s: float) -> float:
        """`wanted_s`, or what is left of the run when that is less (never below one second)."""
        return max(1.0, min(wanted_s, self.left_s))
