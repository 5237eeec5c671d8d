"""The row of a bulk operation: what it is to do, how far it is, what came of it. How it gets on is in events/bulk."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from django.db import models
from django.db.models.functions import Now

from events.states import Move, Status, leaving
from fasthook.lib.model_fields import IdField, RefField


class BulkKind(StrEnum):
    EVENT_RETRY = "event_bulk_retry"
    EVENT_CANCEL = "event_bulk_cancel"
    REQUEST_RETRY = "request_bulk_retry"


EVENT_KINDS: Final = (BulkKind.EVENT_RETRY, BulkKind.EVENT_CANCEL)
REQUEST_KINDS: Final = (BulkKind.REQUEST_RETRY,)

# Guides: bulk retry targets failed or cancelled events, not held ones. What was delivered is retried one by one.
TARGETS: Final[dict[BulkKind, tuple[str, ...]]] = {
    BulkKind.EVENT_RETRY: (Status.CANCELLED.value, Status.FAILED.value),
    BulkKind.EVENT_CANCEL: tuple(leaving(Move.CANCEL)),
}


class BulkStatus(models.TextChoices):
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ONGOING = (BulkStatus.PLANNED, BulkStatus.RUNNING)


class BulkOperation(models.Model):
    """Kept as long as events. `lease_until` is when a worker may take it on; operations take turns by `turn_at`.

    It is RUNNING until the last delivery that it queued is done. `finished_at` is empty while it is under way, and
    after a cancel until all that it had waiting is withdrawn.
    """

    id = IdField(prefix="bch", primary_key=True)
    team_id = RefField()
    type = models.TextField(choices=[(kind.value, kind.value) for kind in BulkKind])
    status = models.TextField(choices=BulkStatus.choices, default=BulkStatus.PLANNED)
    digest = models.BinaryField(max_length=32, help_text="Of team, type and filter as they were asked for.")
    filter = models.JSONField(help_text="Query parameters of the list that it works through, the range without end.")
    range_from = models.DateTimeField()
    range_to = models.DateTimeField(help_text="Inside, to the millisecond; not after it was planned.")
    position = RefField(default="", help_text="The last event or request that a page looked at.")
    total_count = models.IntegerField()
    total_exact = models.BooleanField()
    queued_count = models.IntegerField(default=0)
    skipped_count = models.IntegerField(default=0)
    skipped = models.JSONField(default=dict, help_text="How many were passed over, by code.")
    done_count = models.IntegerField(default=0, help_text="Without what bulk_outcome still holds.")
    failed_count = models.IntegerField(default=0, help_text="Without what bulk_outcome still holds.")
    cancelled_count = models.IntegerField(default=0, db_default=0, help_text="Without what bulk_outcome still holds.")
    held_count = models.IntegerField(default=0, db_default=0, help_text="Without what bulk_outcome still holds.")
    failure_message = models.TextField(null=True)
    requested_by = models.TextField()
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    pages_done_at = models.DateTimeField(null=True, help_text="When its last page was through.")
    finished_at = models.DateTimeField(null=True)
    turn_at = models.DateTimeField(null=True, help_text="When a worker last took it on.")
    lease_until = models.DateTimeField(db_default=Now())
    lease_token = models.UUIDField(null=True)
    claim_count = models.SmallIntegerField(default=0, help_text="Claims since the last page that was saved.")

    class Meta:
        db_table = "bulk_operation"
        verbose_name = "bulk operation"
        constraints = [
            # No two identical ones at once. Reader: planning, which finds the one that goes on already.
            models.UniqueConstraint(
                fields=["digest"],
                condition=models.Q(status__in=["PLANNED", "RUNNING"]),
                name="bulk_operation_once_at_a_time",
            ),
        ]
        indexes = [
            # Readers: the claim, beat's look for what is due, the end of what is done, the bound on a team's.
            models.Index(
                fields=["lease_until"],
                condition=models.Q(finished_at__isnull=True),
                name="bulk_operation_unfinished",
            ),
            # Reader: the list.
            models.Index(fields=["team_id", "id"], name="bulk_operation_team"),
        ]

    def __str__(self) -> str:
        return self.id


class BulkOutcome(models.Model):
    """Deliveries of an operation that are done, of one batch of recording or routing; folded into its row later.

    Adding rows waits for nobody, where counting in the operation's row would make delivery workers wait for each other.
    """

    operation_id = RefField()
    done = models.IntegerField()
    failed = models.IntegerField()
    cancelled = models.IntegerField(default=0, db_default=0)
    held = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "bulk_outcome"
        indexes = [
            # Readers: what an operation's answer adds to its row; folding.
            models.Index(fields=["operation_id"], name="bulk_outcome_operation"),
        ]
