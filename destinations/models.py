"""A destination: the endpoint that receives deliveries, and its limits and credentials."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models

from destinations.outbound.auth.types import DESTINATION_SECRET_FIELDS
from fasthook.lib.model_fields import EncryptedJSONField, IdField
from teams.models import Resource, list_indexes


class DestinationType(models.TextChoices):
    HTTP = "HTTP"
    MOCK_API = "MOCK_API"  # the built-in receiver at /mock/


class RatePeriod(models.TextChoices):
    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"


class Destination(Resource):
    id = IdField(prefix="des", primary_key=True)
    type = models.CharField(max_length=10, choices=DestinationType.choices, default=DestinationType.HTTP)
    url = models.TextField(help_text="Where deliveries go; for MOCK_API the path and query on the built-in receiver.")
    http_method = models.CharField(max_length=7, null=True, blank=True, help_text="Empty: the request's own method.")
    path_forwarding_disabled = models.BooleanField(default=False)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    rate_limit_period = models.CharField(max_length=6, choices=RatePeriod.choices, default=RatePeriod.SECOND)
    max_concurrency = models.PositiveIntegerField(default=50)
    timeout_s = models.FloatField(default=30.0)
    auth_type = models.CharField(max_length=40, null=True, blank=True)
    auth = EncryptedJSONField(null=True, blank=True)
    # Waiting work is to be brought in line with this row's state (events/lifecycle/reconcile.py); null when it is.
    reconcile_requested_at = models.DateTimeField(null=True, blank=True)

    shown_as = {
        **Resource.shown_as,
        "type": "type",
        "url": "config.url",
        "http_method": "config.http_method",
        "rate_limit": "config.rate_limit",
        "rate_limit_period": "config.rate_limit_period",
        "max_concurrency": "config.max_concurrency",
        "timeout_s": "config.timeout",
        "path_forwarding_disabled": "config.path_forwarding_disabled",
        "auth_type": "config.auth_type",
        "auth": "config.auth",
    }

    class Meta:
        constraints = [
            # Readers: a destination asked for by name; the team's list by name.
            models.UniqueConstraint(
                fields=["team", "name"], condition=models.Q(deleted_at=None), name="destination_name_once_per_team"
            ),
        ]
        indexes = [
            *list_indexes("destination"),
            # Read by reconciliation every second: which rows ask for it.
            models.Index(
                fields=["id"], condition=models.Q(reconcile_requested_at__isnull=False), name="destination_to_settle"
            ),
        ]

    def secret_keys(self, column: str) -> Collection[str]:
        return DESTINATION_SECRET_FIELDS.get(self.auth_type or "", ()) if column == "auth" else ()
