"""The kinds of bulk operation: what each works on, and which events it may touch. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from events.states import Move, Status, leaving


class Kind(StrEnum):
    EVENT_RETRY = "event_bulk_retry"
    EVENT_CANCEL = "event_bulk_cancel"
    REQUEST_RETRY = "request_bulk_retry"


EVENT_KINDS: Final = (Kind.EVENT_RETRY, Kind.EVENT_CANCEL)
REQUEST_KINDS: Final = (Kind.REQUEST_RETRY,)

# Guides: bulk retry targets failed or cancelled events, not held ones. What was delivered is retried one by one.
TARGETS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.EVENT_RETRY: (Status.CANCELLED.value, Status.FAILED.value),
    Kind.EVENT_CANCEL: tuple(leaving(Move.CANCEL)),
}
