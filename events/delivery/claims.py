"""Claims of delivery jobs: what is due for many destinations at once, under a lease, and jobs given back unsent.

One statement for many jobs, which also gives out the slots of destinations' rates. A claim's token guards its end: a
worker that lost the lease writes nothing. One owner per destination at a time (its destination lease) is what makes
limits per destination hold across workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from events.delivery.jobs import Claim, ClaimedJob, ClaimRequest
from events.delivery.leases import DESTINATION_LEASE_S
from events.states import Trigger
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "claims.sql")

DESTINATIONS_PER_CLAIM = 512


def claim_due_jobs(connection: Connection[Any], request: ClaimRequest) -> Claim:
    token = uuid4()
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            SQL["claim_delivery_jobs"],
            {
                "after": request.scan_after,
                "destinations": DESTINATIONS_PER_CLAIM,
                "worker": request.worker,
                "token": token,
                "limit": request.limit,
                "bulk_limit": request.bulk_limit,
                "bytes": request.max_bytes,
                "room": request.room,
                "busy": list(request.rooms),
                "rooms": [room.jobs for room in request.rooms.values()],
                "bulk_rooms": [room.bulk for room in request.rooms.values()],
                "destination_lease_s": DESTINATION_LEASE_S,
                "lease_s": request.lease_s,
            },
        )
        rows = cursor.fetchall()
    config_version, scanned_to = rows[0][:2]
    jobs = [_claimed(token, row[2:]) for row in rows if row[2] is not None]
    return Claim(jobs, config_version, scanned_to or "")


def release_jobs(connection: Connection[Any], jobs: Sequence[ClaimedJob]) -> None:
    connection.execute(
        SQL["release_jobs"],
        {"event_id": [job.event_id for job in jobs], "lease_token": [job.lease_token for job in jobs]},
    )


def _claimed(token: UUID, row: Sequence[Any]) -> ClaimedJob:
    trigger, wait_s, pace_s = Trigger(row[8]), float(row[14]), float(row[15] or 0)
    return ClaimedJob(token, *row[:8], trigger, *row[9:14], wait_s, pace_s, *row[16:])  # type: ignore[call-arg]
