"""Delivery: claims due jobs, sends many at once on one event loop, and records what came of them in batches.

A drain claims while there is work and room, and keeps listening while deliveries are in flight, so a hanging receiver
does not keep the worker from the others. The database is spoken to from threads; one records while the loop sends.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from connections.catalog import ConnectionCatalog
from destinations.catalog import destination_catalog
from events.delivery.attempt import Catalogs
from events.delivery.claimed_jobs import ClaimedJobs
from events.delivery.claims import claim_due_jobs, release_jobs
from events.delivery.demand import Demand
from events.delivery.jobs import Claim, ClaimedJob, ClaimRequest
from events.delivery.leases import release_destination_leases, renew_destination_leases, renew_job_leases
from events.delivery.results import Recorder
from events.delivery.sender import Sender
from events.storage.claim_counts import count_claim
from fasthook.lib.nudge import begin, listening, recruit
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection
from fasthook.metrics import registry
from sources.catalog import SourceCatalog
from teams.secrets.catalog import signing_secrets_catalog

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

LINGER_S = 1.0
RENEW_S = 2.0
AGAIN_S = 0.5


class Deliverer:
    """One per delivery process. `drain` may be called again and again; connections to receivers are kept between."""

    def __init__(self) -> None:
        self._demand = Demand(uuid4())
        self._claims = DataConnection("deliver claim")
        self._records = DataConnection("deliver record")
        self._threads = ThreadPoolExecutor(max_workers=3, thread_name_prefix="deliver")
        self._recorder = Recorder(self._records, self._threads, recorded=self._let_go)
        self._catalogs = Catalogs(
            SourceCatalog(), destination_catalog(), ConnectionCatalog(), signing_secrets_catalog()
        )
        self._claimed = ClaimedJobs()
        self._sender = Sender(
            self._catalogs,
            self._demand,
            self._claimed,
            ended=self._recorder.add,
            give_back=self._give_back,
            refill=self._refill,
        )
        self._wake = asyncio.Event()
        self._outage = Outage(restored="claims.restored")

    async def drain(self, stopping: threading.Event) -> int:
        """Delivers what is due until nothing came for a second, or until `stopping`; the count of attempts."""
        sent_before = self._sender.sent
        loop = asyncio.get_running_loop()
        recording = asyncio.create_task(self._recorder.run())
        feeding = asyncio.create_task(self._sender.feed_bulk())
        try:
            more = True
            while more and not stopping.is_set():
                with listening("deliver", partial(loop.call_soon_threadsafe, self._wake.set)):
                    await self._work(stopping)
                # Whoever committed while nobody listened any more has sent a message, or is found here.
                more = not stopping.is_set() and await self._claim() > 0
            await self._sender.finish(stopping=stopping.is_set())
        finally:
            feeding.cancel()
            self._recorder.end()
            await recording
            await self._in_thread(self._release_destinations, [])
        return self._sender.sent - sent_before

    async def close(self) -> None:
        await self._sender.close()
        self._threads.shutdown(wait=True)
        self._claims.close()
        self._records.close()

    # ---- Claiming

    async def _work(self, stopping: threading.Event) -> None:
        idle_since = time.monotonic()
        renewed_at = time.monotonic()
        while not stopping.is_set():
            self._wake.clear()
            # Before a claim: where leases ran out, while Postgres was away, a claim would take our own jobs again.
            if time.monotonic() - renewed_at >= RENEW_S and await self._keep_leases():
                renewed_at = time.monotonic()
            if time.monotonic() - renewed_at >= RENEW_S:
                await asyncio.sleep(AGAIN_S)
                continue
            claimed = await self._claim() if self._demand.room > 0 else 0
            now = time.monotonic()
            if claimed or self._claimed or self._demand.scan_after:
                idle_since = now
            elif now - idle_since >= LINGER_S:
                return
            if not self._demand.goes_on and not (claimed and self._demand.wants_more):
                await self._wait(0.5)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _claim(self) -> int:
        """Claims what there is room for and starts it; the count. 0 as well while Postgres is away."""
        request = self._demand.plan()
        leased_until = time.monotonic() + settings.DELIVER_LEASE_S
        try:
            claim = await self._in_thread(self._claim_and_refresh, request)
        except (psycopg.OperationalError, DatabaseError) as error:
            self._outage.failed("claims.failed", error)
            self._demand.note_failure()
            await asyncio.sleep(AGAIN_S)
            return 0
        self._outage.over()
        count_claim("deliver", [job.claim_count for job in claim.jobs], limit=request.limit)
        for job in claim.jobs:
            self._claimed.add(job, leased_until=leased_until)
            self._demand.hold(job)
            self._sender.accept(job)
        registry.deliveries_held.set(len(self._claimed))
        self._demand.note(request, claim)
        if len(claim.jobs) == settings.DELIVER_CLAIM:
            recruit("deliver")
        return len(claim.jobs)

    def _claim_and_refresh(self, request: ClaimRequest) -> Claim:
        begin("deliver")
        claim = self._claims.run(claim_due_jobs, request)
        try:
            self._catalogs.refresh(claim.config_version)
        except Exception:
            # Nobody knows of these jobs yet: without this they would wait for their leases to run out.
            self._claims.run(release_jobs, claim.jobs)
            raise
        finally:
            # This thread's, opened when there was something to read: that is too rare to keep one per thread.
            connection.close()
        return claim

    # ---- Letting go

    def _let_go(self, jobs: list[ClaimedJob]) -> None:
        for job in self._claimed.let_go(jobs):
            self._demand.let_go(job)
        registry.deliveries_held.set(len(self._claimed))
        self._wake_if_room()

    def _refill(self) -> None:
        self._wake.set()

    def _wake_if_room(self) -> None:
        self._demand.forget_idle_queues()
        if self._demand.wants_more:
            self._wake.set()

    async def _give_back(self, jobs: list[ClaimedJob]) -> None:
        try:
            await self._in_thread(self._records.run, release_jobs, jobs)
        except psycopg.Error as error:
            log.warning("delivery_jobs.release_failed", jobs=len(jobs), error=str(error))  # their leases run out
        self._let_go(jobs)

    # ---- Leases

    async def _keep_leases(self) -> bool:
        """Renews the leases of destinations in use and of long deliveries. False while Postgres is away."""
        lease_s = settings.DELIVER_LEASE_S
        renewed_until = time.monotonic() + lease_s
        ageing = self._claimed.ageing(before=renewed_until - lease_s / 3)
        in_use = [queue.destination_id for queue in self._demand.queues.values() if queue.load]
        try:
            if ageing:
                await self._in_thread(self._renew_leases, [held.job for held in ageing])
                for held in ageing:
                    held.leased_until = renewed_until
            if in_use:
                await self._in_thread(self._claims.run, renew_destination_leases, self._demand.worker, in_use)
            if self._demand.room <= 0:
                # Full: what this worker cannot serve now, another may.
                await self._in_thread(self._release_destinations, in_use)
        except psycopg.OperationalError as error:
            self._outage.failed("leases.renew_failed", error)
            return False
        return True

    def _renew_leases(self, jobs: list[ClaimedJob]) -> None:
        self._claims.run(renew_job_leases, jobs, lease_s=settings.DELIVER_LEASE_S)

    def _release_destinations(self, kept: list[str]) -> None:
        try:
            self._claims.run(release_destination_leases, self._demand.worker, kept=kept)
        except psycopg.OperationalError as error:
            log.warning("destination_leases.release_failed", error=str(error))  # they run out

    async def _in_thread(self, work: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
