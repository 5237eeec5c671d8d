"""Evidence: requests, events, attempts and executions, partitioned by day on the id; counts of what was not stored.

It names configuration by id, without foreign keys, since it outlives it. Its tables are made by SQL
(`migrations/sql/`, with the reader of each index); batches are written by named statements, the ORM serves lists,
details and the admin.
"""

from __future__ import annotations

from django.db import models

from events.states import Status, Trigger
from fasthook.lib.model_fields import IdField, RefField


class RequestStatus(models.TextChoices):
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Request(models.Model):
    """One inbound HTTP call. Never updated."""

    id = IdField(prefix="req", primary_key=True)
    team_id = RefField()
    source_id = RefField()
    status = models.TextField(choices=RequestStatus.choices)
    rejection_cause = models.TextField(null=True)
    verified = models.BooleanField()
    handshake = models.BooleanField(default=False)
    method = models.TextField()
    path = models.TextField(help_text="What follows the source URL, percent-encoded as it came.")
    query = models.TextField(help_text="As it came, without the question mark.")
    headers = models.JSONField(help_text="Pairs of lower-case name and value, in order, repeats kept.")
    body = models.BinaryField(null=True, help_text="Null when the body was too large to store.")
    client_ip = models.TextField()
    retry_parent_request_id = RefField(null=True)
    batch_operation_id = RefField(null=True)
    created_at = models.DateTimeField()
    ingested_at = models.DateTimeField()

    class Meta:
        db_table = "requests"

    def __str__(self) -> str:
        return self.id


class Event(models.Model):
    """One branch of a request: what one connection made of it."""

    id = IdField(prefix="evt", primary_key=True)
    team_id = RefField()
    request_id = RefField()
    source_id = RefField()
    connection_id = RefField()
    destination_id = RefField()
    status = models.TextField(choices=[(status.value, status.value) for status in Status])
    attempts = models.IntegerField(default=0)
    response_status = models.IntegerField(null=True)
    error_code = models.TextField(null=True)
    failure_message = models.TextField(null=True)
    ignored_cause = models.TextField(null=True)
    ignored_meta = models.JSONField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    last_attempt_at = models.DateTimeField(null=True)
    successful_at = models.DateTimeField(null=True)
    batch_operation_id = RefField(null=True)
    has_payload = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "events"

    def __str__(self) -> str:
        return self.id


class EventPayload(models.Model):
    """What a transformation made of the request, for events that say `has_payload`. Never updated."""

    id = IdField(prefix="evt", primary_key=True)
    method = models.TextField()
    path = models.TextField()
    query = models.TextField()
    headers = models.JSONField(help_text="Pairs of lower-case name and value, in order.")
    body = models.BinaryField()

    class Meta:
        db_table = "event_payloads"

    def __str__(self) -> str:
        return self.id


class AttemptStatus(models.TextChoices):
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"


class Attempt(models.Model):
    """One delivery try: what was sent, what came back. Never updated."""

    id = IdField(prefix="att", primary_key=True)
    team_id = RefField()
    event_id = RefField()
    connection_id = RefField()
    destination_id = RefField()
    attempt_number = models.IntegerField()
    trigger = models.TextField(choices=[(trigger.value, trigger.value) for trigger in Trigger])
    batch_operation_id = RefField(null=True)
    status = models.TextField(choices=AttemptStatus.choices)
    response_status = models.IntegerField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    requested_url = models.TextField()
    http_method = models.TextField()
    request_headers = models.JSONField()
    response_headers = models.JSONField(null=True)
    body = models.TextField(null=True, help_text="The response body, up to 16 KiB.")
    latency = models.IntegerField(help_text="Milliseconds.")
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "attempts"

    def __str__(self) -> str:
        return self.id


class ExecutionStatus(models.TextChoices):
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"


class DiscardedRequests(models.Model):
    """Rejected requests beyond the evidence kept per source and minute: counted, not stored."""

    pk = models.CompositePrimaryKey("source_id", "minute", "rejection_cause")
    team_id = RefField()
    source_id = RefField()
    minute = models.DateTimeField()
    rejection_cause = models.TextField()
    count = models.BigIntegerField()

    class Meta:
        db_table = "discarded_requests"


class TransformationExecution(models.Model):
    """One run of a transformation over one branch of a request. Never updated."""

    id = IdField(prefix="txe", primary_key=True)
    team_id = RefField()
    transformation_id = RefField()
    connection_id = RefField()
    request_id = RefField(help_text="What went in is this request as it is stored.")
    event_id = RefField()
    status = models.TextField(choices=ExecutionStatus.choices)
    error = models.TextField(null=True)
    error_kind = models.TextField(null=True)
    line = models.IntegerField(null=True)
    column_number = models.IntegerField(null=True)
    logs = models.TextField(null=True, help_text="JSON: a list of {level, message}.")
    duration_us = models.IntegerField()
    cpu_us = models.IntegerField()
    after = models.TextField(null=True, help_text="JSON, as data of requests; null when nothing changed.")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "transformation_executions"

    def __str__(self) -> str:
        return self.id
