"""Event statuses and the legal moves between them: the one table that code, database and documentation follow.

Pure. The SQL that moves events names the states it may leave, taken from `leaving`, and checks the count.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Status(StrEnum):
    SCHEDULED = "SCHEDULED"  # waits for its delay rule
    QUEUED = "QUEUED"  # waits for a delivery worker
    HOLD = "HOLD"  # waits for its connection to be unpaused; has no job
    SUCCESSFUL = "SUCCESSFUL"  # the destination answered 2xx
    FAILED = "FAILED"  # the last attempt failed; a retry is planned when next_attempt_at is set
    CANCELLED = "CANCELLED"  # ended by an operator, or never a delivery (ignored_cause says why)


class Move(StrEnum):
    SUCCEED = "succeed"
    FAIL = "fail"
    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"
    RETRY = "retry"


class Trigger(StrEnum):
    INITIAL = "INITIAL"
    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"
    BULK_RETRY = "BULK_RETRY"
    UNPAUSE = "UNPAUSE"


class IgnoredCause(StrEnum):
    DEDUPLICATED = "DEDUPLICATED"
    FILTERED = "FILTERED"
    DESTINATION_DISABLED = "DESTINATION_DISABLED"
    # The causes below end events that were waiting; the ones above end branches before they begin.
    CONNECTION_DISABLED = "CONNECTION_DISABLED"
    CONNECTION_DELETED = "CONNECTION_DELETED"
    DESTINATION_DELETED = "DESTINATION_DELETED"
    CANCELLED_BY_OPERATOR = "CANCELLED_BY_OPERATOR"
    CANCELLED_IN_BULK = "CANCELLED_IN_BULK"


# Branches with these causes never were deliveries: lists show them only when asked.
NEVER_DELIVERED = (IgnoredCause.DEDUPLICATED, IgnoredCause.FILTERED, IgnoredCause.DESTINATION_DISABLED)

_WAITING = frozenset({Status.SCHEDULED, Status.QUEUED, Status.FAILED})

# FAILED leaves by SUCCEED, FAIL, HOLD or CANCEL only while a retry is planned.
MOVES: dict[Move, tuple[frozenset[Status], Status]] = {
    Move.SUCCEED: (_WAITING, Status.SUCCESSFUL),
    Move.FAIL: (_WAITING, Status.FAILED),
    Move.HOLD: (_WAITING, Status.HOLD),
    Move.RELEASE: (frozenset({Status.HOLD}), Status.QUEUED),
    Move.CANCEL: (_WAITING | {Status.HOLD}, Status.CANCELLED),
    Move.RETRY: (frozenset({Status.FAILED, Status.CANCELLED, Status.SUCCESSFUL}), Status.QUEUED),
}


class Rank(IntEnum):
    """The order in which a destination's jobs are taken; it leads the index that claims read."""

    LEASED = 0  # in some worker's hands until due_at
    FIRST = 1
    RETRY = 2
    BULK = 3
    # Waits for its rules to be run again, by routing: delivery takes none of this rank.
    RULES = 4


def leaving(move: Move) -> list[str]:
    """The statuses that `move` may leave, sorted, as SQL takes them."""
    return sorted(status.value for status in MOVES[move][0])


def rank_of(trigger: Trigger) -> Rank:
    """First attempts go before retries, and live traffic before bulk work."""
    if trigger in (Trigger.INITIAL, Trigger.UNPAUSE):
        return Rank.FIRST
    return Rank.BULK if trigger is Trigger.BULK_RETRY else Rank.RETRY


def diagram() -> str:
    """The moves as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2"]
    for move, (sources, target) in MOVES.items():
        lines += [f"    {source.value} --> {target.value}: {move.value}" for source in sorted(sources)]
    return "\n".join(lines)
