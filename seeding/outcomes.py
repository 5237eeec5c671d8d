"""Outcomes of seeded events: how often each kind of connection succeeds, retries, fails, filters or cancels.

Pure. The shares are those of an ordinary installation; a few of each rare value are there so that lists can be tried
with them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

# One outcome in this many can be told apart; the rarest values appear about once in as many events.
TABLE_SIZE = 1 << 16


class Kind(StrEnum):
    """What a seeded connection is an example of."""

    HEALTHY = "healthy"
    FLAKY = "flaky"  # has a retry rule, which mostly helps
    FAILING = "failing"  # has none
    FILTERED = "filtered"
    DEDUPLICATED = "deduplicated"
    PAUSED = "paused"  # holds what came since it was paused


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt of an outcome. `wait_ms` is the time since the event or the attempt before began."""

    wait_ms: int
    trigger: str
    response_status: int | None
    error_code: str | None = None
    error_message: str | None = None
    latency_ms: int = 0

    @property
    def succeeded(self) -> bool:
        return self.error_code is None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an event ends, and by which attempts. `meta` is what an ignored branch says besides its cause."""

    status: str
    tries: tuple[Try, ...] = ()
    ignored_cause: str | None = None
    meta: str | None = None


HELD = Outcome("HOLD")
FIRST_REQUEST = "first_request"

_FAULTS: Sequence[tuple[int, int | None, str, str, int]] = (
    # weight, response status, error code, message, latency
    (300, 500, "BAD_RESPONSE", "the destination answered 500", 180),
    (180, 503, "BAD_RESPONSE", "the destination answered 503", 60),
    (90, 429, "BAD_RESPONSE", "the destination answered 429", 25),
    (60, 404, "BAD_RESPONSE", "the destination answered 404", 30),
    (30, 401, "BAD_RESPONSE", "the destination answered 401", 20),
    (2, 418, "BAD_RESPONSE", "the destination answered 418", 20),
    (190, None, "TIMEOUT", "no answer within 30 s", 30_000),
    (110, None, "CONNECTION_REFUSED", "the connection was refused", 3),
    (40, None, "CONNECTION_RESET", "the connection ended before an answer", 90),
    (12, None, "DNS_LOOKUP_FAILED", "the name does not resolve", 40),
    (6, None, "TLS_ERROR", "the TLS handshake failed", 70),
    (2, None, "TLS_CERT_EXPIRED", "the certificate has expired", 70),
    (1, None, "ADDRESS_NOT_ALLOWED", "the address is private", 1),
)
RETRY_INTERVAL_MS = 30_000
RETRY_COUNT = 4


@cache
def outcome_table(kind: Kind) -> list[Outcome]:
    """TABLE_SIZE outcomes, each as often as it is likely. Always the same ones."""
    rng = random.Random(kind)
    draw, weights = zip(*_choices(kind), strict=True)
    return [make(rng) for make in rng.choices(draw, weights, k=TABLE_SIZE)]


def _choices(kind: Kind) -> list[tuple[_Maker, float]]:
    """Makers of outcomes with their shares in a million."""
    rare: list[tuple[_Maker, float]] = [
        (_Maker("manual"), 120),
        (_Maker("unpaused"), 60),
        (_Maker("cancelled"), 300),
        (_Maker("cancelled", "CONNECTION_DISABLED"), 200),
        (_Maker("cancelled", "CONNECTION_DELETED"), 40),
        (_Maker("cancelled", "DESTINATION_DELETED"), 30),
        (_Maker("cancelled", "DESTINATION_DISABLED"), 30),
        (_Maker("unroutable"), 40),
    ]
    ends: dict[Kind, list[tuple[_Maker, float]]] = {
        Kind.HEALTHY: [(_Maker("delivered"), 985_000), (_Maker("failed"), 8_000)],
        Kind.FLAKY: [(_Maker("delivered"), 900_000), (_Maker("recovered"), 75_000), (_Maker("exhausted"), 20_000)],
        Kind.FAILING: [(_Maker("delivered"), 930_000), (_Maker("failed"), 70_000)],
        Kind.FILTERED: [(_Maker("delivered"), 600_000), (_Maker("ignored", "FILTERED"), 400_000)],
        Kind.DEDUPLICATED: [(_Maker("delivered"), 920_000), (_Maker("ignored", "DEDUPLICATED"), 80_000)],
        Kind.PAUSED: [(_Maker("delivered"), 990_000)],
    }
    return [*ends[kind], *rare]


@dataclass(frozen=True, slots=True)
class _Maker:
    name: str
    cause: str | None = None

    def __call__(self, rng: random.Random) -> Outcome:
        match self.name:
            case "delivered":
                return Outcome("SUCCESSFUL", (_success(rng),))
            case "recovered":
                failures = _failures(rng, rng.choice((1, 1, 1, 2, 2, 3)))
                return Outcome("SUCCESSFUL", (*failures, _success(rng, RETRY_INTERVAL_MS, "AUTOMATIC")))
            case "exhausted":
                return Outcome("FAILED", _failures(rng, 1 + RETRY_COUNT))
            case "failed":
                return Outcome("FAILED", _failures(rng, 1))
            case "manual":
                return Outcome("SUCCESSFUL", (*_failures(rng, 1), _success(rng, 900_000, "MANUAL")))
            case "unpaused":
                return Outcome("SUCCESSFUL", (_success(rng, 600_000, "UNPAUSE"),))
            case "ignored":
                meta = FIRST_REQUEST if self.cause == "DEDUPLICATED" else '{"failed_targets": ["body"]}'
                return Outcome("CANCELLED", ignored_cause=self.cause, meta=meta)
            case "cancelled":
                return Outcome("CANCELLED", _failures(rng, rng.randint(0, 2)), ignored_cause=self.cause)
            case _:
                return Outcome("FAILED")


def _success(rng: random.Random, wait_ms: int = 4, trigger: str = "INITIAL") -> Try:
    status = rng.choices((200, 202, 204, 201), (940, 30, 25, 5))[0]
    return Try(wait_ms, trigger, status, latency_ms=max(1, int(rng.lognormvariate(3.6, 0.9))))


def _failures(rng: random.Random, count: int) -> tuple[Try, ...]:
    """A run of one fault: what is down stays down for a while."""
    weights = [fault[0] for fault in _FAULTS]
    _, status, code, message, latency_ms = rng.choices(_FAULTS, weights)[0]
    return tuple(
        Try(RETRY_INTERVAL_MS if number else 4, "AUTOMATIC" if number else "INITIAL", status, code, message, latency_ms)
        for number in range(count)
    )
