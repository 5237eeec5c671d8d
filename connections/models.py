"""A connection: the route from one source to one destination, with its rules and its state."""

from __future__ import annotations

from django.db import models

from destinations.models import Destination
from fasthook.lib.fields import IdField, JSONTextField
from sources.models import Source
from teams.models import Team


class Connection(models.Model):
    id = IdField(prefix="conn", primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="connections")
    name = models.CharField(max_length=155)
    description = models.TextField(blank=True, default="")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="connections")
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="connections")
    rules = JSONTextField(default=list, help_text="Normalised: deduplicate, transform, filter, delay, retry.")
    paused_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Waiting work is to be brought in line with this row's state (events/settling.py); null when it is.
    settle_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.BigIntegerField(default=0, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "name"], condition=models.Q(deleted_at=None), name="connection_name_once_per_source"
            ),
        ]
        indexes = [
            # Read by settling every second: who has something to settle.
            models.Index(
                fields=["id"], condition=models.Q(settle_requested_at__isnull=False), name="connection_to_settle"
            ),
        ]

    def __str__(self) -> str:
        return self.name
