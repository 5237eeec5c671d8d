"""Held jobs: those that one worker has claimed and not recorded yet, each with the end of its lease. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from events.delivery.jobs import ClaimedJob


@dataclass(slots=True)
class Held:
    """`leased_until` is of this process's steady clock, in seconds."""

    job: ClaimedJob
    leased_until: float


class HeldJobs:
    """A job may be claimed again here before what came of its first claim could be recorded: both are held then."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, UUID], Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, job: ClaimedJob, *, leased_until: float) -> None:
        self._held[job.event_id, job.lease_token] = Held(job, leased_until)

    def let_go(self, jobs: Iterable[ClaimedJob]) -> list[ClaimedJob]:
        """Those of them that were held."""
        return [job for job in jobs if self._held.pop((job.event_id, job.lease_token), None) is not None]

    def is_leased(self, job: ClaimedJob, *, now: float) -> bool:
        """True when the lease of a held job lasts at `now`, seconds of the steady clock."""
        return now <= self._held[job.event_id, job.lease_token].leased_until

    def ageing(self, *, before: float) -> list[Held]:
        """Those whose lease ends before that moment of the steady clock."""
        return [held for held in self._held.values() if held.leased_until < before]
