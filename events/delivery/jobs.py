"""The values that pass between the steps of delivery: a claim and its jobs, and the result of an attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.states import Trigger


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A leased delivery with its request.

    `is_bulk` when it waited behind live traffic. Where the destination has a rate, `wait_s` is the time until a slot,
    `pace_s` the least time between two starts.
    """

    lease_token: UUID
    event_id: str
    team_id: str
    request_id: str
    source_id: str
    connection_id: str
    destination_id: str
    attempt_number: int
    retry_number: int
    trigger: Trigger
    claim_count: int
    body_size: int
    has_payload: bool
    batch_operation_id: str | None
    is_bulk: bool
    wait_s: float
    pace_s: float
    method: str | None
    path: str | None
    query: str | None
    headers: Sequence[Sequence[str]] | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one attempt came to; `next_attempt_at` is set when the retry rule plans another."""

    job: ClaimedJob
    attempt_id: str
    status: str
    response_status: int | None
    error_code: str | None
    error_message: str | None
    requested_url: str
    http_method: str
    request_headers: Mapping[str, str]
    response_headers: Mapping[str, str] | None
    body: str | None
    latency_ms: int
    started_at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Jobs, the version of the configuration they belong to, and where the next claim's scan goes on.

    `scanned_to` is "" when this claim saw every destination that has jobs.
    """

    jobs: list[ClaimedJob]
    config_version: int
    scanned_to: str


@dataclass(frozen=True, slots=True)
class Room:
    """How many more jobs a destination takes, and how many of these may be bulk work."""

    jobs: int
    bulk: int


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What a worker has room for: in all, of bulk work, in bytes, and per destination (`rooms` where it is busy
    already)."""

    worker: UUID
    limit: int
    bulk_limit: int
    max_bytes: int
    room: int
    rooms: Mapping[str, Room]
    lease_s: float
    scan_after: str = ""
