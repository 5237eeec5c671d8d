"""How hard and how long everything is: the load, and how long each fault lasts."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timing:
    """The load runs `lead_s` before the fault, through it, and `tail_s` after it; then `settle_s` for the rest to
    arrive. `frozen_s` must be longer than a delivery lease, `restart_s` about what a stop and a start take.
    `settings` go into the product's environment."""

    rate_per_s: int = 300
    answer_ms: int = 100
    max_concurrency: int = 100
    lead_s: float = 3.0
    tail_s: float = 6.0
    away_s: float = 10.0
    frozen_s: float = 20.0
    restart_s: float = 10.0
    settle_s: float = 60.0
    settings: Mapping[str, str] = field(default_factory=dict)


NORMAL = Timing()
QUICK = Timing(
    rate_per_s=150,
    lead_s=2.0,
    tail_s=3.0,
    away_s=4.0,
    frozen_s=9.0,
    settle_s=40.0,
    settings={"ROUTE_LEASE_S": "3", "DELIVER_LEASE_S": "5"},
)
