"""Waiting work: route jobs, delivery jobs, who serves a destination, deduplication windows. Claimed by named SQL."""

from __future__ import annotations

from django.db import models

from events.states import Rank
from fasthook.lib.model_fields import RefField


class RouteJob(models.Model):
    """A request that waits for routing. `due_at` doubles as the lease of the worker that claimed it."""

    request_id = RefField(primary_key=True)
    source_id = RefField()
    body_size = models.IntegerField()
    due_at = models.DateTimeField()
    claim_count = models.SmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    slow = models.BooleanField(default=False, help_text="Its source's transformations take long: a queue of its own.")
    batch_operation_id = RefField(null=True)

    class Meta:
        db_table = "route_job"
        indexes = [
            # Read by routing's claim: what is due in a queue, oldest first.
            models.Index(fields=["slow", "due_at"], name="route_job_due"),
            # Read by bulk operations: whether what they accepted is routed.
            models.Index(
                fields=["batch_operation_id"],
                condition=models.Q(batch_operation_id__isnull=False),
                name="route_job_batch",
            ),
        ]

    def __str__(self) -> str:
        return self.request_id


class DeliveryJob(models.Model):
    """An event that waits for an attempt. `due_at` doubles as the lease, and rank LEASED says that it is one.

    An event has a job exactly while it is SCHEDULED or QUEUED, or FAILED with a retry planned; and, cancelled, as long
    as an attempt that was in flight then is let finish.
    """

    event_id = RefField(primary_key=True)
    team_id = RefField()
    request_id = RefField()
    source_id = RefField()
    connection_id = RefField()
    destination_id = RefField()
    rank = models.SmallIntegerField(choices=[(rank.value, rank.name) for rank in Rank])
    due_at = models.DateTimeField()
    attempt_number = models.IntegerField()
    retry_number = models.IntegerField(default=0, help_text="Retries of the current schedule already used.")
    trigger = models.TextField()
    body_size = models.IntegerField()
    has_payload = models.BooleanField(default=False)
    claim_count = models.SmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    batch_operation_id = RefField(null=True)
    cancelled = models.BooleanField(
        default=False, help_text="Its event was cancelled while it was leased: what comes of it is evidence only."
    )

    class Meta:
        db_table = "delivery_job"
        indexes = [
            # Read by delivery's claim: per destination what is leased, then what is due, in order of rank.
            models.Index(fields=["destination_id", "rank", "due_at"], name="delivery_job_queue"),
            # Read by routing: whose rules are to be run again.
            models.Index(fields=["due_at"], condition=models.Q(rank=Rank.RULES.value), name="delivery_job_rules"),
            # Read by bulk operations: how much of theirs waits or is in flight, and to withdraw what waits.
            models.Index(
                fields=["batch_operation_id", "rank"],
                condition=models.Q(batch_operation_id__isnull=False),
                name="delivery_job_batch",
            ),
        ]

    def __str__(self) -> str:
        return self.event_id


class DestinationLease(models.Model):
    """Which worker serves a destination just now, and how far the slots of its rate are given out."""

    destination_id = RefField(primary_key=True)
    owner = models.UUIDField(null=True)
    owned_until = models.DateTimeField()
    last_slot_at = models.DateTimeField()

    class Meta:
        db_table = "destination_lease"
        indexes = [
            # Read by a worker that keeps or gives up its own leases.
            models.Index(fields=["owner"], name="destination_lease_owner"),
        ]

    def __str__(self) -> str:
        return self.destination_id


class DeduplicationKey(models.Model):
    """The first request of a window. `key` covers the rule as well, so that a changed rule starts afresh."""

    pk = models.CompositePrimaryKey("connection_id", "key")
    connection_id = RefField()
    key = models.BinaryField(max_length=32)
    request_id = RefField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "deduplication_key"
        indexes = [
            # Read by maintenance: which windows are over.
            models.Index(fields=["expires_at"], name="deduplication_key_expiry"),
        ]
