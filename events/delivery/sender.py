"""The sender of delivery: starts what was claimed, as slots, senders and the pace of bulk work allow, and sends it.

Everything here happens on the worker's event loop. Claiming, recording and giving back are the worker's.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog
from django.conf import settings

from destinations.outbound.address import AddressPolicy
from destinations.outbound.auth.access_tokens import AccessTokens
from destinations.outbound.auth.oauth2 import TokenFault
from destinations.outbound.client import DeliveryClient
from events.delivery.attempt import Catalogs, Prepared, conclude, fail_unsent, prepare
from events.delivery.claimed_jobs import ClaimedJobs
from events.delivery.counts import count_first_wait
from events.delivery.demand import Demand
from events.delivery.destination_queue import TICK_S, BulkPace, DestinationQueue
from events.delivery.jobs import AttemptResult, ClaimedJob

log = structlog.get_logger(__name__)

AGAIN_S = 0.5
STOP_S = 4.0
MAX_CLAIMS = 3


class Sender:
    """One per delivery process; connections to receivers are kept between drains.

    `ended` takes the result of each attempt, `give_back` jobs that were not sent; `refill` is called when a destination
    has little left to start.
    """

    def __init__(
        self,
        catalogs: Catalogs,
        demand: Demand,
        claimed: ClaimedJobs,
        *,
        ended: Callable[[AttemptResult], None],
        give_back: Callable[[list[ClaimedJob]], Awaitable[None]],
        refill: Callable[[], None],
    ) -> None:
        self._catalogs = catalogs
        self._demand = demand
        self._claimed = claimed
        self._ended = ended
        self._give_back = give_back
        self._refill = refill
        self._client = DeliveryClient(AddressPolicy(settings.DELIVERY_ALLOWED_NETWORKS))
        self._tokens = AccessTokens(self._client)
        self._sending: dict[asyncio.Task[None], ClaimedJob] = {}
        # Slots of destinations' rates that are still to come.
        self._slots: dict[UUID, asyncio.TimerHandle] = {}
        # Queues whose next job came late and waits for the rate to let it start.
        self._paced: dict[str, asyncio.TimerHandle] = {}
        # Bulk work may have become startable.
        self._bulk_ready = asyncio.Event()
        self.sent = 0

    async def close(self) -> None:
        await self._tokens.close()
        await self._client.close()

    def accept(self, job: ClaimedJob) -> None:
        queue = self._queue_of(job)
        queue.add(job)
        if job.wait_s > 0:
            name = uuid4()
            self._slots[name] = asyncio.get_running_loop().call_later(job.wait_s, self._open_slot, queue, name)
        else:
            queue.slots.open += 1
            self._start_waiting(queue)

    def _open_slot(self, queue: DestinationQueue, name: UUID) -> None:
        del self._slots[name]
        queue.slots.open += 1
        self._start_waiting(queue)

    def _queue_of(self, job: ClaimedJob) -> DestinationQueue:
        destination = self._catalogs.destinations.get(job.destination_id)
        concurrency = destination.max_concurrency if destination else 1
        queue = self._demand.queues.get(job.destination_id)
        if queue is None:
            queue = self._demand.queues[job.destination_id] = DestinationQueue(job.destination_id, concurrency)
        queue.max_concurrency = concurrency
        queue.slots.pace_s = job.pace_s
        return queue

    def _start_waiting(self, queue: DestinationQueue) -> None:
        while queue.may_start and self._is_time(queue):
            self._start(queue)
        if queue.may_start_bulk:
            self._bulk_ready.set()

    async def feed_bulk(self) -> None:
        """Begins bulk work beside the rest, a little each tick."""
        pace = BulkPace()
        loop = asyncio.get_running_loop()
        while True:
            try:
                started = self._start_bulk(pace.burst)
            except Exception:
                # Without somebody who begins them, what is held here would be held for ever.
                log.exception("delivery.bulk_start_failed")
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
        """Queue by queue in turn; how many."""
        started = 0
        queues = deque(queue for queue in self._demand.queues.values() if queue.may_start_bulk)
        while queues and started < most:
            queue = queues.popleft()
            if self._is_time(queue):
                self._start(queue)
                started += 1
                if queue.may_start_bulk:
                    queues.append(queue)
        return started

    def _is_time(self, queue: DestinationQueue) -> bool:
        """Takes the start as far as the rate goes. Otherwise the queue is looked at again when it is time."""
        if queue.destination_id in self._paced:
            return False
        wait_s = queue.slots.wait_before_start(time.monotonic())
        if wait_s:
            self._start_later(queue, wait_s)
        return not wait_s

    def _start(self, queue: DestinationQueue) -> None:
        job = queue.start_next()
        task = asyncio.create_task(self._deliver(job, queue))
        self._sending[task] = job
        task.add_done_callback(self._forget)

    def _start_later(self, queue: DestinationQueue, wait_s: float) -> None:
        timer = asyncio.get_running_loop().call_later(wait_s, self._start_paced, queue)
        self._paced[queue.destination_id] = timer

    def _start_paced(self, queue: DestinationQueue) -> None:
        del self._paced[queue.destination_id]
        self._start_waiting(queue)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)

    async def _deliver(self, job: ClaimedJob, queue: DestinationQueue) -> None:
        try:
            result = await self._attempt(job, queue)
            if result is not None:
                self._ended(result)
            else:
                await self._give_back([job])
        except asyncio.CancelledError:
            await self._give_back([job])
        except Exception:
            log.exception("attempt.crashed", event_id=job.event_id)
            self._ended(fail_unsent(job, self._catalogs, "INTERNAL_ERROR", "FastHook failed; see its log"))
        finally:
            queue.end(job)
            self._start_waiting(queue)
            if queue.runs_low:
                self._refill()

    async def _attempt(self, job: ClaimedJob, queue: DestinationQueue) -> AttemptResult | None:
        """None when the lease could not be kept while the job waited here: somebody will claim it anew."""
        if job.claim_count > MAX_CLAIMS:
            message = f"delivering this event ended its worker {MAX_CLAIMS} times"
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
        if not self._claimed.is_leased(job, now=time.monotonic()):
            return None
        count_first_wait(job, self._catalogs.connections.get(job.connection_id), now=now)
        # Rounded: the client keeps what it makes of each timeout.
        waited_s = round(time.monotonic() - began, 1)
        sent = await self._client.send(prepared.request, timeout_s=max(prepared.timeout_s - waited_s, 0.1))
        if grant and token and sent.status == 401:
            self._tokens.reject(grant, token)
        queue.observe(sent.latency_ms / 1000)
        self.sent += 1
        return conclude(job, prepared, sent, now=datetime.now(UTC))

    async def finish(self, *, stopping: bool) -> None:
        """Stopping: gives back what has not begun, waits a little for the rest, and records it."""
        if stopping:
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
        return [job for queue in self._demand.queues.values() for job in queue.take_all()]
