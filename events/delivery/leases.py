"""Leases of delivery, renewed and given up: a job's, while its attempt goes on, and a destination's, whose holder alone
delivers to it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection

from events.delivery.jobs import ClaimedJob
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "leases.sql")

DESTINATION_LEASE_S = 6.0


def renew_job_leases(connection: Connection[Any], jobs: Sequence[ClaimedJob], *, lease_s: float) -> None:
    connection.execute(
        SQL["renew_job_leases"],
        {
            "event_id": [job.event_id for job in jobs],
            "lease_token": [job.lease_token for job in jobs],
            "lease_s": lease_s,
        },
    )


def renew_destination_leases(connection: Connection[Any], worker: UUID, destination_ids: Collection[str]) -> None:
    connection.execute(
        SQL["renew_destination_leases"],
        {"worker": worker, "destination_ids": list(destination_ids), "destination_lease_s": DESTINATION_LEASE_S},
    )


def release_destination_leases(connection: Connection[Any], worker: UUID, *, kept: Collection[str] = ()) -> None:
    connection.execute(SQL["release_destination_leases"], {"worker": worker, "kept": list(kept)})
