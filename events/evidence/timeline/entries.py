"""An entry of the timeline, and the order of entries. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fasthook.lib.clock import iso


class Kind(StrEnum):
    """In the order in which entries of one instant stand."""

    REPLAY_OF = "replay_of"
    BULK_OPERATION = "bulk_operation"
    RECEIVED = "received"
    VERIFICATION = "verification"
    REJECTED = "rejected"
    HANDSHAKE = "handshake"
    ROUTING = "routing"
    BRANCH = "branch"
    RULE = "rule"
    IGNORED = "ignored"
    BRANCH_FAILED = "branch_failed"
    ACTION = "action"
    HELD = "held"
    RELEASED = "released"
    ATTEMPT = "attempt"
    CANCELLED = "cancelled"
    REPLAYED_AS = "replayed_as"
    ATTEMPT_PLANNED = "attempt_planned"
    RETRY_POSSIBLE = "retry_possible"


_RANKS = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Entry:
    """`title` says it in words, `detail` in facts; the ids are those of what it is about."""

    at: datetime
    kind: Kind
    title: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    event_id: str | None = None
    connection_id: str | None = None
    destination_id: str | None = None
    attempt_id: str | None = None
    execution_id: str | None = None
    batch_operation_id: str | None = None
    audit_id: str | None = None


ID_FIELDS = (
    "request_id",
    "event_id",
    "connection_id",
    "destination_id",
    "attempt_id",
    "execution_id",
    "batch_operation_id",
    "audit_id",
)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By time; at one instant by branch, and within it in the order of `Kind` (rules in theirs: sorting is stable)."""
    return sorted(
        entries, key=lambda entry: (entry.at, entry.event_id or "", _RANKS[entry.kind], entry.attempt_id or "")
    )


def entry_answer(entry: Entry) -> dict[str, Any]:
    """Ids that an entry does not have are left out."""
    ids = {name: value for name in ID_FIELDS if (value := getattr(entry, name)) is not None}
    return {"at": iso(entry.at), "kind": entry.kind.value, "title": entry.title, **ids, "detail": dict(entry.detail)}
