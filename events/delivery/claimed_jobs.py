"""Claimed jobs of one worker that are not recorded yet, each with the end of its lease. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from events.delivery.jobs import ClaimedJob


@dataclass(slots=True)
class Claimed:
    """`leased_until` is of this process's steady clock, in seconds."""

    job: ClaimedJob
    leased_until: float


class ClaimedJobs:
    """A job may be claimed again here before what came of its first claim could be recorded: both are here then."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, UUID], Claimed] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: ClaimedJob, *, leased_until: float) -> None:
        self._jobs[job.event_id, job.lease_token] = Claimed(job, leased_until)

    def let_go(self, jobs: Iterable[ClaimedJob]) -> list[ClaimedJob]:
        """Those of them that were here."""
        return [job for job in jobs if self._jobs.pop((job.event_id, job.lease_token), None) is not None]

    def is_leased(self, job: ClaimedJob, *, now: float) -> bool:
        """True when the lease of the job lasts at `now`, seconds of the steady clock."""
        return now <= self._jobs[job.event_id, job.lease_token].leased_until

    def ageing(self, *, before: float) -> list[Claimed]:
        """Those whose lease ends before that moment of the steady clock."""
        return [claimed for claimed in self._jobs.values() if claimed.leased_until < before]
