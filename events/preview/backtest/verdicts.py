"""Verdicts: what became of a request at a connection, and what would become of it under the backtested rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from events.routing.decide import TRANSFORMATION_FAILED, Branch
from events.states import IgnoredCause, Status

MAX_ERROR_CHARACTERS: Final = 500
# How the failure message of an event begins that failed before its first attempt.
_FAILED_IN_ROUTING: Final = (TRANSFORMATION_FAILED, "INTERNAL_ERROR")


class Verdict(StrEnum):
    DELIVERED = "delivered"
    FILTERED = "filtered"
    DEDUPLICATED = "deduplicated"
    FAILED = "failed"
    NONE = "none"  # the connection made nothing of it: it was not there yet, or it or its destination was disabled


_OF_CAUSES: Final = {
    IgnoredCause.FILTERED.value: Verdict.FILTERED,
    IgnoredCause.DEDUPLICATED.value: Verdict.DEDUPLICATED,
}


@dataclass(frozen=True, slots=True)
class PastBranch:
    """The columns of an event that tell what became of a request. `is_ignored`: it never was a delivery."""

    event_id: str
    status: str
    attempts: int
    failure_message: str | None
    ignored_cause: str | None
    is_ignored: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    request_id: str
    event_id: str | None
    was: Verdict
    would_be: Verdict
    branch: Branch

    @property
    def is_change(self) -> bool:
        return self.was is not self.would_be

    @property
    def kind(self) -> str:
        return f"{self.was}->{self.would_be}"

    def sample(self) -> dict[str, Any]:
        """As JSON, with why it would be so."""
        meta = self.branch.ignored_meta or {}
        shown = {
            "request_id": self.request_id,
            "event_id": self.event_id,
            "was": self.was.value,
            "would_be": self.would_be.value,
            **{name: meta[name] for name in ("failed_targets", "first_request_id") if name in meta},
        }
        if self.branch.failure_message is not None:
            shown["error"] = self.branch.failure_message[:MAX_ERROR_CHARACTERS]
        return shown


def compare(branch: Branch, past: PastBranch | None) -> Comparison:
    return Comparison(branch.request.id, past.event_id if past else None, verdict_of_past(past), judge(branch), branch)


def judge(branch: Branch) -> Verdict:
    """Of a finished branch."""
    if branch.status is Status.FAILED:
        return Verdict.FAILED
    if branch.ignored_cause is not None:
        return _OF_CAUSES[branch.ignored_cause.value]
    return Verdict.DELIVERED


def verdict_of_past(past: PastBranch | None) -> Verdict:
    """A delivery counts as one whatever became of it."""
    if past is None:
        return Verdict.NONE
    if past.is_ignored:
        return _OF_CAUSES.get(past.ignored_cause or "", Verdict.NONE)
    never_sent = past.status == Status.FAILED and past.attempts == 0
    if never_sent and (past.failure_message or "").startswith(_FAILED_IN_ROUTING):
        return Verdict.FAILED
    return Verdict.DELIVERED
