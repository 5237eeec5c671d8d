"""Results of attempts: recorded in batches while the loop goes on sending, each only if its job is still leased.

What Postgres cannot take just now is kept and tried again; what it refuses is recorded without what the receiver sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import psycopg
import structlog
from psycopg import Connection
from psycopg.types.json import Jsonb

from events.delivery.attempt import without_evidence
from events.delivery.counts import count_recorded
from events.delivery.jobs import AttemptResult, ClaimedJob
from events.states import Rank
from events.storage.partitions import with_partitions
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection, load_statements

log = structlog.get_logger(__name__)

SQL = load_statements(Path(__file__).parent / "sql" / "results.sql")
BATCH = 250
# Results that come within this are recorded together, so that a burst is not written one by one.
GATHER_S = 0.004
AGAIN_S = 0.5


class Recorder:
    """`run` beside the sending, from `add` to `end`. `recorded` gets the jobs that need not be kept any more."""

    def __init__(
        self, database: DataConnection, threads: Executor, *, recorded: Callable[[list[ClaimedJob]], None]
    ) -> None:
        self._database = database
        self._threads = threads
        self._recorded = recorded
        self._results: list[AttemptResult] = []
        self._recordable = asyncio.Event()
        self._outage = Outage(restored="attempts.record_restored")
        self._ending = False

    def add(self, result: AttemptResult) -> None:
        self._results.append(result)
        self._recordable.set()

    def end(self) -> None:
        """Nothing more comes: `run` returns after what it has."""
        self._ending = True
        self._recordable.set()

    async def run(self) -> None:
        """Records until `end`; the last results are tried once more then, and otherwise left to their leases."""
        try:
            while self._results or not self._ending:
                await self._recordable.wait()
                if len(self._results) < BATCH and not self._ending:
                    await asyncio.sleep(GATHER_S)
                self._recordable.clear()
                if not await self._record_some() and self._ending:
                    return
                if self._results or self._ending:
                    self._recordable.set()
        finally:
            self._ending = False

    async def _record_some(self) -> bool:
        """False, after a pause, when Postgres could not take them."""
        batch = self._results[:BATCH]
        if await self._record(batch):
            del self._results[: len(batch)]
            self._recorded([result.job for result in batch])
            return True
        if not self._ending:
            await asyncio.sleep(AGAIN_S)
        return False

    async def _record(self, batch: list[AttemptResult]) -> bool:
        """False while Postgres is away: the batch is kept and tried again."""
        if not batch:
            return True
        try:
            own = await self._write(batch)
        except psycopg.OperationalError as error:
            self._outage.failed("attempts.record_failed", error, attempts=len(batch))
            return False
        except Exception as error:
            if len(batch) == 1:
                return await self._record_without_evidence(batch[0], error)
            # One of them cannot be stored as it is: find out which.
            return all([await self._record([result]) for result in batch])
        for result in batch:
            log_attempt(result, late=result.job.event_id not in own)
        return True

    async def _record_without_evidence(self, result: AttemptResult, fault: Exception) -> bool:
        """The outcome without what the receiver sent. What cannot be recorded at all is left to its lease."""
        log.error("attempt.record_refused", event_id=result.job.event_id, error=str(fault))
        try:
            await self._write([without_evidence(result)])
        except psycopg.OperationalError as error:
            self._outage.failed("attempts.record_failed", error, attempts=1)
            return False
        except Exception:
            log.exception("attempt.not_recorded", event_id=result.job.event_id)
        return True

    async def _write(self, batch: list[AttemptResult]) -> set[str]:
        write = partial(self._database.run, finish_attempts, batch)
        own: set[str] = await asyncio.get_running_loop().run_in_executor(self._threads, with_partitions, write)
        self._outage.over()
        count_recorded(batch, own)
        return own


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


def log_attempt(result: AttemptResult, *, late: bool) -> None:
    """One line per attempt with all ids. A receiver's refusal is data, not an error of ours."""
    job = result.job
    log.info(
        "attempt.lease_lost" if late else "attempt.finished",
        team_id=job.team_id,
        event_id=job.event_id,
        request_id=job.request_id,
        connection_id=job.connection_id,
        destination_id=job.destination_id,
        attempt_id=result.attempt_id,
        attempt_number=job.attempt_number,
        trigger=job.trigger,
        status=result.status,
        response_status=result.response_status,
        error_code=result.error_code,
        latency_ms=result.latency_ms,
    )
