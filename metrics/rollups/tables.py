"""Tables of rollups: their columns for each kind of evidence, and how each follows from a row.

The first migration makes the tables in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MINUTE = "minute"
HOUR = "hour"
# The owners of totals. Ids of owners sort behind both.
TOTAL = ""
DETAILED_TOTAL = "*"


@dataclass(frozen=True, slots=True)
class Rollup:
    """One table's. `keys` and `sums` map columns of the rollup to SQL over a row of evidence (`row`).

    `wide` are the keys that a team's totals leave out (they are empty there); the first is the owner that indexes
    begin with. `details` are the keys that only the detailed totals keep. `has_latency` adds the histogram.
    """

    evidence: str
    prefix: str
    wide: tuple[str, ...]
    details: tuple[str, ...]
    keys: Mapping[str, str]
    sums: Mapping[str, str]
    has_latency: bool = False

    @property
    def owner(self) -> str:
        return self.wide[0]

    @property
    def late(self) -> str:
        return f"metrics_{self.evidence}_late"

    def table(self, step: str) -> str:
        return f"metrics_{self.evidence}_{step}"


REQUESTS = Rollup(
    evidence="requests",
    prefix="req",
    wide=("source_id",),
    details=("rejection_cause", "verified", "is_retry"),
    keys={
        "source_id": "row.source_id",
        "status": "row.status",
        "rejection_cause": "row.rejection_cause",
        "verified": "row.verified",
        "is_retry": "row.retry_parent_request_id IS NOT NULL",
    },
    sums={"n": "1"},
)
EVENTS = Rollup(
    evidence="events",
    prefix="evt",
    wide=("connection_id", "source_id", "destination_id"),
    details=("ignored_cause", "error_code", "response_status"),
    keys={
        "connection_id": "row.connection_id",
        "source_id": "row.source_id",
        "destination_id": "row.destination_id",
        "status": "row.status",
        "ignored": "row.ignored_meta IS NOT NULL",
        "ignored_cause": "row.ignored_cause",
        "error_code": "row.error_code",
        "response_status": "row.response_status",
    },
    sums={"n": "1", "attempts": "row.attempts"},
)
ATTEMPTS = Rollup(
    evidence="attempts",
    prefix="att",
    wide=("connection_id", "destination_id"),
    details=("error_code", "response_status", "trigger"),
    keys={
        "connection_id": "row.connection_id",
        "destination_id": "row.destination_id",
        "status": "row.status",
        "error_code": "row.error_code",
        "response_status": "row.response_status",
        "trigger": "row.trigger",
    },
    sums={"n": "1", "latency_sum": "row.latency", "latency_max": "row.latency"},
    has_latency=True,
)
ROLLUPS = {rollup.evidence: rollup for rollup in (REQUESTS, EVENTS, ATTEMPTS)}
