"""The row of a backtest: what is replayed, how far it is, what has been found. It is worked on in preview/backtest."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from fasthook.lib.model_fields import EncryptedJSONField, IdField, JSONTextField, RefField


class BacktestStatus(models.TextChoices):
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


UNFINISHED = (BacktestStatus.PLANNED, BacktestStatus.RUNNING)


class Backtest(models.Model):
    """Kept for a week. `lease_until` is when the next worker may take it on, and orders those that wait."""

    id = IdField(prefix="rhr", primary_key=True)
    team_id = RefField()
    connection_id = RefField()
    source_id = RefField()
    status = models.TextField(choices=BacktestStatus.choices, default=BacktestStatus.PLANNED)
    rules = JSONTextField(help_text="As they are shown: values of an inline transformation's env are masked.")
    sealed = EncryptedJSONField(null=True, help_text="The rules and the transformation as they run; null when over.")
    range_from = models.DateTimeField()
    range_to = models.DateTimeField()
    position = RefField(default="", help_text="The last request that was judged.")
    total_count = models.IntegerField()
    done_count = models.IntegerField(default=0)
    would_be = models.JSONField(default=dict)
    was = models.JSONField(default=dict)
    changes = models.JSONField(default=dict)
    changed_count = models.IntegerField(default=0)
    samples = models.JSONField(default=list)
    failure_message = models.TextField(null=True)
    requested_by = models.TextField()
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(db_default=Now())
    lease_token = models.UUIDField(null=True)
    claim_count = models.SmallIntegerField(default=0, help_text="Claims since the last page that was saved.")

    class Meta:
        db_table = "backtest"
        verbose_name = "rehearsal"
        indexes = [
            # Readers: the claim, and beat's look for what is due.
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status__in=["PLANNED", "RUNNING"]),
                name="backtest_unfinished",
            ),
            # Reader: the list of one connection.
            models.Index(fields=["connection_id", "id"], name="backtest_connection"),
        ]

    def __str__(self) -> str:
        return self.id
