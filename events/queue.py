"""The delivery queue: claiming due jobs with a lease, fairly per destination, and recording what came of them.

Everything here is one statement for many jobs (sql/queue.sql). A claim's token guards its end: whoever lost the lease
writes nothing. Lanes (one owner per destination at a time) are what makes limits per destination hold across workers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
from psycopg import Connection
from psycopg.types.json import Jsonb

from events.states import Rank, Trigger
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "queue.sql")

LANE_LEASE_S = 6.0
LANES_PER_CLAIM = 512


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
    tries: int
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
    """How many more jobs a lane takes, and how many of these may be bulk work."""

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


def claim_due_jobs(connection: Connection[Any], request: ClaimRequest) -> Claim:
    token = uuid4()
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            SQL["claim_delivery_jobs"],
            {
                "after": request.scan_after,
                "lanes": LANES_PER_CLAIM,
                "worker": request.worker,
                "token": token,
                "limit": request.limit,
                "bulk_limit": request.bulk_limit,
                "bytes": request.max_bytes,
                "room": request.room,
                "busy": list(request.rooms),
                "rooms": [room.jobs for room in request.rooms.values()],
                "bulk_rooms": [room.bulk for room in request.rooms.values()],
                "lane_lease_s": LANE_LEASE_S,
                "lease_s": request.lease_s,
            },
        )
        rows = cursor.fetchall()
    config_version, scanned_to = rows[0][:2]
    jobs = [_claimed(token, row[2:]) for row in rows if row[2] is not None]
    return Claim(jobs, config_version, scanned_to or "")


def finish_attempts(connection: Connection[Any], results: Sequence[AttemptResult]) -> set[str]:
    """Records the results whose leases are still held and returns their event ids."""
    # One JSON document: adapting fifteen arrays took longer than Postgres takes to read it.
    document = [
        {
            "event_id": result.job.event_id,
            "lease_token": result.job.lease_token,
            "attempt_id": result.attempt_id,
            "status": result.status,
            "response_status": result.response_status,
            "error_code": result.error_code,
            "error_message": result.error_message,
            "requested_url": result.requested_url,
            "http_method": result.http_method,
            "request_headers": result.request_headers,
            "response_headers": result.response_headers,
            "body": result.body,
            "latency_ms": result.latency_ms,
            "started_at": result.started_at,
            "planned_at": result.next_attempt_at,
        }
        for result in results
    ]
    rows = connection.execute(
        SQL["finish_attempts"],
        {
            "results": Jsonb(document, dumps=orjson.dumps),
            "event_ids": [result.job.event_id for result in results],
            "retry_rank": int(Rank.RETRY),
        },
    ).fetchall()
    return {row[0] for row in rows}


def renew_leases(connection: Connection[Any], jobs: Sequence[ClaimedJob], *, lease_s: float) -> None:
    connection.execute(
        SQL["renew_leases"],
        {
            "event_id": [job.event_id for job in jobs],
            "lease_token": [job.lease_token for job in jobs],
            "lease_s": lease_s,
        },
    )


def release_jobs(connection: Connection[Any], jobs: Sequence[ClaimedJob]) -> None:
    connection.execute(
        SQL["release_jobs"],
        {"event_id": [job.event_id for job in jobs], "lease_token": [job.lease_token for job in jobs]},
    )


def renew_lanes(connection: Connection[Any], worker: UUID, destination_ids: Collection[str]) -> None:
    connection.execute(
        SQL["renew_lanes"],
        {"worker": worker, "destination_ids": list(destination_ids), "lane_lease_s": LANE_LEASE_S},
    )


def release_lanes(connection: Connection[Any], worker: UUID, *, kept: Collection[str] = ()) -> None:
    connection.execute(SQL["release_lanes"], {"worker": worker, "kept": list(kept)})


def _claimed(token: UUID, row: Sequence[Any]) -> ClaimedJob:
    trigger, wait_s, pace_s = Trigger(row[8]), float(row[14]), float(row[15] or 0)
    return ClaimedJob(token, *row[:8], trigger, *row[9:14], wait_s, pace_s, *row[16:])  # type: ignore[call-arg]
