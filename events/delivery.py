"""Delivery: claims due jobs, sends many at once on one event loop, and records what came of them in batches.

A drain claims while there is work and room, and keeps listening while deliveries are in flight, so a hanging receiver
does not keep the worker from the others. The database is spoken to from threads; one records while the loop sends.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from connections.catalog import ConnectionCatalog
from destinations.catalog import destination_catalog
from destinations.outbound.access_tokens import AccessTokens
from destinations.outbound.address import AddressPolicy
from destinations.outbound.client import DeliveryClient
from destinations.outbound.oauth2 import TokenFault
from events import queue
from events.attempts import Catalogs, Prepared, conclude, fail_unsent, prepare
from events.counting import count_first_wait
from events.intake import Intake
from events.lanes import TICK_S, BulkPace, Lane
from events.queue import AttemptResult, ClaimedJob, ClaimRequest
from events.recording import Recorder
from events.storage.claim_counts import count_claim
from fasthook.lib.nudge import begin, listening, recruit
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection
from fasthook.metrics import registry
from sources.catalog import SourceCatalog
from teams.catalog import signing_secrets_catalog

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

LINGER_S = 1.0
RENEW_S = 2.0
AGAIN_S = 0.5
STOP_S = 4.0
MAX_TRIES = 3


@dataclass(slots=True)
class Held:
    """A claimed job that is not recorded yet. `leased_until` is of this process's steady clock."""

    job: ClaimedJob
    leased_until: float


class Deliverer:
    """One per delivery process. `drain` may be called again and again; connections to receivers are kept between."""

    def __init__(self) -> None:
        self._intake = Intake(uuid4())
        self._claims = DataConnection("deliver claim")
        self._records = DataConnection("deliver record")
        self._threads = ThreadPoolExecutor(max_workers=3, thread_name_prefix="deliver")
        self._recorder = Recorder(self._records, self._threads, recorded=self._let_go)
        self._client = DeliveryClient(AddressPolicy(settings.DELIVERY_ALLOWED_NETWORKS))
        self._tokens = AccessTokens(self._client)
        self._catalogs = Catalogs(
            SourceCatalog(), destination_catalog(), ConnectionCatalog(), signing_secrets_catalog()
        )
        self._sending: dict[asyncio.Task[None], ClaimedJob] = {}
        # Slots of destinations' rates that are still to come.
        self._slots: dict[UUID, asyncio.TimerHandle] = {}
        # Lanes whose next job came late and waits for the rate to let it start.
        self._paced: dict[str, asyncio.TimerHandle] = {}
        # A job may be claimed again here before what came of its first claim could be recorded: both are held.
        self._held: dict[tuple[str, UUID], Held] = {}
        self._wake = asyncio.Event()
        # Bulk work may have become startable.
        self._bulk_ready = asyncio.Event()
        self._outage = Outage(restored="claims.restored")
        self._delivered = 0

    async def drain(self, stopping: threading.Event) -> int:
        """Delivers what is due until nothing came for a second, or until `stopping`; the count of attempts."""
        self._delivered = 0
        loop = asyncio.get_running_loop()
        recording = asyncio.create_task(self._recorder.run())
        feeding = asyncio.create_task(self._feed_bulk())
        try:
            more = True
            while more and not stopping.is_set():
                with listening("deliver", partial(loop.call_soon_threadsafe, self._wake.set)):
                    await self._work(stopping)
                # Whoever committed while nobody listened any more has sent a message, or is found here.
                more = not stopping.is_set() and await self._claim() > 0
            await self._finish(stopping)
        finally:
            feeding.cancel()
            self._recorder.end()
            await recording
            await self._in_thread(self._release_lanes, [])
        return self._delivered

    async def close(self) -> None:
        await self._tokens.close()
        await self._client.close()
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
            claimed = await self._claim() if self._intake.room > 0 else 0
            now = time.monotonic()
            if claimed or self._held or self._intake.scan_after:
                idle_since = now
            elif now - idle_since >= LINGER_S:
                return
            if not self._intake.goes_on and not (claimed and self._intake.wants_more):
                await self._wait(0.5)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _claim(self) -> int:
        """Claims what there is room for and starts it; the count. 0 as well while Postgres is away."""
        request = self._intake.plan()
        leased_until = time.monotonic() + settings.DELIVER_LEASE_S
        try:
            claim = await self._in_thread(self._claim_and_refresh, request)
        except (psycopg.OperationalError, DatabaseError) as error:
            self._outage.failed("claim.failed", error)
            self._intake.note_failure()
            await asyncio.sleep(AGAIN_S)
            return 0
        self._outage.over()
        count_claim("deliver", [job.tries for job in claim.jobs], limit=request.limit)
        for job in claim.jobs:
            self._held[job.event_id, job.lease_token] = Held(job, leased_until)
            self._intake.hold(job)
            self._accept(job)
        registry.deliveries_held.set(len(self._held))
        self._intake.note(request, claim)
        if len(claim.jobs) == settings.DELIVER_CLAIM:
            recruit("deliver")
        return len(claim.jobs)

    def _claim_and_refresh(self, request: ClaimRequest) -> queue.Claim:
        begin("deliver")
        claim = self._claims.run(queue.claim_due_jobs, request)
        try:
            self._catalogs.refresh(claim.config_version)
        except Exception:
            # Nobody knows of these jobs yet: without this they would wait for their leases to run out.
            self._claims.run(queue.release_jobs, claim.jobs)
            raise
        finally:
            # This thread's, opened when there was something to read: that is too rare to keep one per thread.
            connection.close()
        return claim

    # ---- Sending

    def _accept(self, job: ClaimedJob) -> None:
        lane = self._lane(job)
        lane.add(job)
        if job.wait_s > 0:
            name = uuid4()
            self._slots[name] = asyncio.get_running_loop().call_later(job.wait_s, self._open_slot, lane, name)
        else:
            lane.open_slots += 1
            self._start_waiting(lane)

    def _open_slot(self, lane: Lane, name: UUID) -> None:
        del self._slots[name]
        lane.open_slots += 1
        self._start_waiting(lane)

    def _lane(self, job: ClaimedJob) -> Lane:
        destination = self._catalogs.destinations.get(job.destination_id)
        concurrency = destination.max_concurrency if destination else 1
        lane = self._intake.lanes.get(job.destination_id)
        if lane is None:
            lane = self._intake.lanes[job.destination_id] = Lane(job.destination_id, concurrency)
        lane.max_concurrency = concurrency
        lane.pace_s = job.pace_s
        return lane

    def _start_waiting(self, lane: Lane) -> None:
        while lane.may_start and self._is_time(lane):
            self._start(lane)
        if lane.may_start_bulk:
            self._bulk_ready.set()

    async def _feed_bulk(self) -> None:
        """Begins bulk work beside the rest, a little each tick."""
        pace = BulkPace()
        loop = asyncio.get_running_loop()
        while True:
            try:
                started = self._start_bulk(pace.burst)
            except Exception:
                # Without somebody who begins them, what is held here would be held for ever.
                log.exception("bulk.unfed")
                await asyncio.sleep(AGAIN_S)
                continue
            if not started:
                self._bulk_ready.clear()
                await self._bulk_ready.wait()
                continue
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            pace.observe(loop.time() - due)

    def _start_bulk(self, most: int) -> int:
        """Lane by lane in turn; how many."""
        started = 0
        lanes = deque(lane for lane in self._intake.lanes.values() if lane.may_start_bulk)
        while lanes and started < most:
            lane = lanes.popleft()
            if self._is_time(lane):
                self._start(lane)
                started += 1
                if lane.may_start_bulk:
                    lanes.append(lane)
        return started

    def _is_time(self, lane: Lane) -> bool:
        """Takes the start as far as the rate goes. Otherwise the lane is looked at again when it is time."""
        if lane.destination_id in self._paced:
            return False
        wait_s = lane.wait_before_start(time.monotonic())
        if wait_s:
            self._start_later(lane, wait_s)
        return not wait_s

    def _start(self, lane: Lane) -> None:
        job = lane.start_next()
        task = asyncio.create_task(self._deliver(job, lane))
        self._sending[task] = job
        task.add_done_callback(self._forget)

    def _start_later(self, lane: Lane, wait_s: float) -> None:
        timer = asyncio.get_running_loop().call_later(wait_s, self._start_paced, lane)
        self._paced[lane.destination_id] = timer

    def _start_paced(self, lane: Lane) -> None:
        del self._paced[lane.destination_id]
        self._start_waiting(lane)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)

    async def _deliver(self, job: ClaimedJob, lane: Lane) -> None:
        try:
            result = await self._attempt(job, lane)
            if result is not None:
                self._recorder.add(result)
            else:
                await self._give_back([job])
        except asyncio.CancelledError:
            await self._give_back([job])
        except Exception:
            log.exception("attempt.failed", event_id=job.event_id)
            self._recorder.add(fail_unsent(job, self._catalogs, "INTERNAL_ERROR", "FastHook failed; see its log"))
        finally:
            lane.end(job)
            self._start_waiting(lane)
            if lane.runs_low:
                self._wake.set()

    async def _attempt(self, job: ClaimedJob, lane: Lane) -> AttemptResult | None:
        """None when the lease could not be kept while the job waited here: somebody will claim it anew."""
        if job.tries > MAX_TRIES:
            message = f"delivering this event ended its worker {MAX_TRIES} times"
            return fail_unsent(job, self._catalogs, "INTERNAL_ERROR", message)
        destination = self._catalogs.destinations.get(job.destination_id)
        grant = destination.target.grant if destination and destination.target else None
        began = time.monotonic()
        # Most destinations need no token, and wait for nothing here.
        token = await self._tokens.get(grant, timeout_s=destination.timeout_s) if destination and grant else None
        if isinstance(token, TokenFault):
            return fail_unsent(job, self._catalogs, "OAUTH2_FAILED", token.message, retried=True)
        now = datetime.now(UTC)
        prepared = prepare(job, self._catalogs, destination=destination, access_token=token, now=now)
        if not isinstance(prepared, Prepared):
            return prepared
        if time.monotonic() > self._held[job.event_id, job.lease_token].leased_until:
            return None
        count_first_wait(job, self._catalogs.connections.get(job.connection_id), now=now)
        # Rounded: the client keeps what it makes of each timeout.
        waited_s = round(time.monotonic() - began, 1)
        sent = await self._client.send(prepared.request, timeout_s=max(prepared.timeout_s - waited_s, 0.1))
        if grant and token and sent.status == 401:
            self._tokens.reject(grant, token)
        lane.observe(sent.latency_ms / 1000)
        self._delivered += 1
        return conclude(job, prepared, sent, now=datetime.now(UTC))

    # ---- Letting go

    def _let_go(self, jobs: list[ClaimedJob]) -> None:
        for job in jobs:
            if self._held.pop((job.event_id, job.lease_token), None) is not None:
                self._intake.let_go(job)
        registry.deliveries_held.set(len(self._held))
        self._wake_if_room()

    def _wake_if_room(self) -> None:
        self._intake.forget_idle_lanes()
        if self._intake.wants_more:
            self._wake.set()

    async def _give_back(self, jobs: list[ClaimedJob]) -> None:
        try:
            await self._in_thread(self._records.run, queue.release_jobs, jobs)
        except psycopg.Error as error:
            log.warning("jobs.unreleased", jobs=len(jobs), error=str(error))  # their leases run out
        self._let_go(jobs)

    # ---- Lanes and the end

    async def _keep_leases(self) -> bool:
        """Renews the lanes in use, and the leases of deliveries that take long. False while Postgres is away."""
        lease_s = settings.DELIVER_LEASE_S
        renewed_until = time.monotonic() + lease_s
        ageing = [held for held in self._held.values() if held.leased_until < renewed_until - lease_s / 3]
        held_lanes = [lane.destination_id for lane in self._intake.lanes.values() if lane.load]
        try:
            if ageing:
                await self._in_thread(self._renew_leases, [held.job for held in ageing])
                for held in ageing:
                    held.leased_until = renewed_until
            if held_lanes:
                await self._in_thread(self._claims.run, queue.renew_lanes, self._intake.worker, held_lanes)
            if self._intake.room <= 0:
                # Full: what this worker cannot serve now, another may.
                await self._in_thread(self._release_lanes, held_lanes)
        except psycopg.OperationalError as error:
            self._outage.failed("leases.unrenewed", error)
            return False
        return True

    def _renew_leases(self, jobs: list[ClaimedJob]) -> None:
        self._claims.run(queue.renew_leases, jobs, lease_s=settings.DELIVER_LEASE_S)

    def _release_lanes(self, kept: list[str]) -> None:
        try:
            self._claims.run(queue.release_lanes, self._intake.worker, kept=kept)
        except psycopg.OperationalError as error:
            log.warning("lanes.unreleased", error=str(error))  # they run out

    async def _finish(self, stopping: threading.Event) -> None:
        """Stopping: gives back what has not begun, waits a little for the rest, and records it."""
        if stopping.is_set():
            unstarted = self._take_unstarted()
            if unstarted:
                await self._give_back(unstarted)
            if self._sending:
                await asyncio.wait(self._sending, timeout=STOP_S)
            for task in list(self._sending):
                task.cancel()
        while self._sending:
            await asyncio.wait(self._sending)

    def _take_unstarted(self) -> list[ClaimedJob]:
        for timer in self._slots.values():
            timer.cancel()
        self._slots.clear()
        return [job for lane in self._intake.lanes.values() for job in lane.take_all()]

    async def _in_thread(self, work: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
