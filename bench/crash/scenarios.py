"""The scenarios by name: which fault, what it is aimed at, and what the installation under it is like."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from bench.crash import injected_faults
from bench.crash.injected_faults import WORKERS, Fault
from bench.crash.timing import Timing
from bench.setup import Rule

EVERYTHING = frozenset({"web", "beat", "cache", "postgres", *WORKERS})
RETRY: Rule = {"type": "retry", "strategy": "linear", "interval": 500, "count": 20}


@dataclass(frozen=True, slots=True)
class Scenario:
    """`words` say what is done. `ends`: roles whose processes may end under it. `lasts`: the name of its length in
    Timing, "" for a moment. `must_refuse`: requests are answered 503 meanwhile, or it did not bite."""

    words: str
    fault: Fault
    ends: frozenset[str] = frozenset()
    lasts: str = ""
    delivery_workers: int = 1
    on_small_disk: bool = False
    must_refuse: bool = False
    rules: tuple[Rule, ...] = ()
    body_bytes: int = 1200

    def fault_s(self, timing: Timing) -> float:
        return float(getattr(timing, self.lasts)) if self.lasts else 0.0


def _killing(words: str, *roles: str) -> Scenario:
    return Scenario(words, injected_faults.kill(*roles), ends=frozenset(roles))


SCENARIOS: Mapping[str, Scenario] = {
    "web": _killing("kill -9 the web process", "web"),
    "route": _killing("kill -9 the routing worker", "worker:route"),
    "deliver": _killing("kill -9 the delivery worker", "worker:deliver"),
    "beat": _killing("kill -9 beat", "beat"),
    "workers": _killing("kill -9 all workers at once", *WORKERS),
    "postgres-restart": Scenario(
        "restart Postgres", injected_faults.end_postgres(signal.SIGINT), ends=frozenset({"postgres"})
    ),
    "postgres-killed": Scenario(
        "kill -9 Postgres, crash recovery", injected_faults.end_postgres(signal.SIGKILL), ends=frozenset({"postgres"})
    ),
    "postgres-away": Scenario(
        "stop Postgres",
        injected_faults.keep_postgres_away,
        ends=frozenset({"postgres"}),
        lasts="away_s",
        must_refuse=True,
    ),
    "valkey-flushed": Scenario("flush Valkey", injected_faults.flush_valkey),
    "valkey-away": Scenario("stop Valkey", injected_faults.keep_valkey_away, ends=frozenset({"cache"}), lasts="away_s"),
    "resetting": Scenario(
        "receiver resets every third connection mid-body",
        injected_faults.reset_calls,
        lasts="away_s",
        rules=(RETRY,),
        body_bytes=16_384,
    ),
    "stop": Scenario(
        "SIGTERM to everything, start again", injected_faults.stop_and_start, ends=EVERYTHING, lasts="restart_s"
    ),
    "frozen": Scenario(
        "SIGSTOP one of two delivery workers beyond its lease, then SIGCONT",
        injected_faults.freeze_delivery,
        lasts="frozen_s",
        delivery_workers=2,
    ),
    "disk-full": Scenario(
        "fill the disk under Postgres, then free it",
        injected_faults.fill_disk,
        ends=frozenset({"postgres"}),
        lasts="away_s",
        on_small_disk=True,
        must_refuse=True,
    ),
}
