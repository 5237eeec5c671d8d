"""What tests of retries and cancels share: attempts that end as told, and pages under the gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import uuid4

from django.db import connection, transaction

from events.delivery.claims import claim_due_jobs
from events.delivery.jobs import AttemptResult, ClaimedJob, ClaimRequest
from events.storage.config_lock import Door, lock_configuration_for_page
from fasthook.lib.ids import new_id
from fasthook.lib.sql import DataConnection

Result = TypeVar("Result")

WORKER: Final = uuid4()


def claim(door: DataConnection) -> list[ClaimedJob]:
    """What is due, as one and the same worker takes it."""
    request = ClaimRequest(worker=WORKER, limit=100, bulk_limit=100, max_bytes=10**9, room=1000, rooms={}, lease_s=15.0)
    return door.run(claim_due_jobs, request).jobs


def success(job: ClaimedJob) -> AttemptResult:
    return _result(job, status="SUCCESSFUL", code=200, error=None)


def failure(job: ClaimedJob, *, next_attempt_at: datetime | None = None) -> AttemptResult:
    return _result(job, status="FAILED", code=500, error="BAD_RESPONSE", next_attempt_at=next_attempt_at)


def within_gate(act: Callable[[Door], Result]) -> Result:
    with transaction.atomic():
        lock_configuration_for_page(connection)
        return act(connection)


def _result(
    job: ClaimedJob, *, status: str, code: int, error: str | None, next_attempt_at: datetime | None = None
) -> AttemptResult:
    return AttemptResult(
        job=job,
        attempt_id=new_id("att"),
        status=status,
        response_status=code,
        error_code=error,
        error_message=None,
        requested_url="https://example.com/",
        http_method="POST",
        request_headers={},
        response_headers={},
        body="",
        latency_ms=10,
        started_at=datetime.now(UTC),
        next_attempt_at=next_attempt_at,
    )
