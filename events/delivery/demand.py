"""Demand of a delivery worker: how much it claims next in all, of bulk work, per destination, and whether at once.

It knows what the worker holds and what the last claims brought. Bulk work never fills the worker: the last quarter of
what it can hold is for what comes meanwhile.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from events.delivery.destination_queue import DestinationQueue
from events.delivery.jobs import Claim, ClaimedJob, ClaimRequest, Room


@dataclass(slots=True)
class Demand:
    worker: UUID
    queues: dict[str, DestinationQueue] = field(default_factory=dict)
    # Jobs held, until they are recorded, and the bytes of their bodies.
    load: int = 0
    held_bytes: int = 0
    scan_after: str = ""
    # The last claim took all that it might, or all the bulk work: there is probably more, on whatever queue.
    cut: bool = False
    bulk_cut: bool = False

    def hold(self, job: ClaimedJob) -> None:
        self.load += 1
        self.held_bytes += job.body_size

    def let_go(self, job: ClaimedJob) -> None:
        self.load -= 1
        self.held_bytes -= job.body_size

    @property
    def room(self) -> int:
        if self.held_bytes >= settings.DELIVER_CLAIM_BYTES * 2:
            return 0
        return min(settings.DELIVER_CLAIM, settings.DELIVER_IN_FLIGHT - self.load)

    @property
    def bulk_room(self) -> int:
        """0 rather than a little: bulk work is claimed in batches worth their statement."""
        if self.held_bytes >= settings.DELIVER_CLAIM_BYTES:
            return 0
        most = max(1, settings.DELIVER_IN_FLIGHT * 3 // 4)
        left = min(self.room, most - self.load)
        return left if left >= min(settings.DELIVER_CLAIM, most) // 4 else 0

    @property
    def goes_on(self) -> bool:
        """True when the last claim was cut short, or did not see every destination: the next one follows at once."""
        return bool((self.cut or self.scan_after) and self.room > 0) or self._wants_bulk

    @property
    def wants_more(self) -> bool:
        return self.cut or self._wants_bulk or any(queue.runs_low for queue in self.queues.values())

    @property
    def _wants_bulk(self) -> bool:
        return self.bulk_cut and self.bulk_room > 0

    def plan(self) -> ClaimRequest:
        bulk_limit = self.bulk_room
        rooms = {queue.destination_id: queue.room for queue in self.queues.values() if queue.load}
        return ClaimRequest(
            worker=self.worker,
            limit=self.room,
            bulk_limit=bulk_limit,
            max_bytes=settings.DELIVER_CLAIM_BYTES,
            room=settings.DELIVER_CLAIM,
            rooms=rooms,
            lease_s=settings.DELIVER_LEASE_S,
            scan_after=self.scan_after,
        )

    def note(self, request: ClaimRequest, claim: Claim) -> None:
        """Where there is probably more than this claim brought."""
        taken = Counter(job.destination_id for job in claim.jobs)
        taken_in_bulk = Counter(job.destination_id for job in claim.jobs if job.is_bulk)
        self.scan_after = claim.scanned_to
        self.cut = taken.total() >= request.limit or sum(job.body_size for job in claim.jobs) >= request.max_bytes
        if request.bulk_limit:
            self.bulk_cut = taken_in_bulk.total() >= request.bulk_limit
        # Of queues that brought nothing it says something only when every queue was asked, and there was room.
        saw_all = not (self.cut or self.bulk_cut or request.scan_after or claim.scanned_to)
        for destination_id, queue in self.queues.items():
            if destination_id in taken or saw_all:
                offered = request.rooms.get(destination_id, Room(queue.max_concurrency, queue.max_concurrency))
                if not request.bulk_limit:
                    offered = Room(offered.jobs, 0)
                queue.note_claim(offered, taken=taken[destination_id], taken_in_bulk=taken_in_bulk[destination_id])

    def note_failure(self) -> None:
        self.scan_after = ""
        self.cut = self.bulk_cut = False

    def forget_idle_queues(self) -> None:
        for destination_id in [name for name, queue in self.queues.items() if not queue.load and not queue.hungry]:
            del self.queues[destination_id]
