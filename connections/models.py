"""A connection: the route from one source to one destination, with its rules and its state. And the transformations
that rules name."""

from __future__ import annotations

from django.db import models

from destinations.models import Destination
from fasthook.lib.model_fields import EncryptedJSONField, IdField, JSONTextField
from sources.models import Source
from teams.models import Resource, list_indexes


class Connection(Resource):
    id = IdField(prefix="conn", primary_key=True)
    # Readers of their indexes: the connections of a source or a destination, listed, counted or deleted with it.
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="connections")
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="connections")
    rules = JSONTextField(default=list, help_text="Normalised: deduplicate, transform, filter, delay, retry.")
    paused_at = models.DateTimeField(null=True, blank=True)
    # Waiting work is to be brought in line with this row's state (events/lifecycle/reconcile.py); null when it is.
    reconcile_requested_at = models.DateTimeField(null=True, blank=True)

    shown_as = {
        **Resource.shown_as,
        "source": "source_id",
        "destination": "destination_id",
        "rules": "rules",
        "paused_at": "paused_at",
    }

    class Meta:
        constraints = [
            # Reader: a connection asked for by source and name.
            models.UniqueConstraint(
                fields=["source", "name"], condition=models.Q(deleted_at=None), name="connection_name_once_per_source"
            ),
        ]
        indexes = [
            *list_indexes("connection", by_name=True),
            # Read by reconciliation every second: which rows ask for it.
            models.Index(
                fields=["id"], condition=models.Q(reconcile_requested_at__isnull=False), name="connection_to_settle"
            ),
        ]


class Transformation(Resource):
    """JavaScript that changes a request on its way. Connections name it by id in their rules."""

    id = IdField(prefix="trs", primary_key=True)
    code = models.TextField()
    env = EncryptedJSONField(default=dict, help_text="Names and text values, as process.env has them.")
    # A rule that names it uses it: there is no state in between.
    disabled_at = None

    shown_as = {"name": "name", "description": "description", "code": "code", "env": "env"}

    class Meta:
        constraints = [
            # Readers: a transformation asked for by name; the team's list by name.
            models.UniqueConstraint(
                fields=["team", "name"], condition=models.Q(deleted_at=None), name="transformation_name_once_per_team"
            ),
        ]
        indexes = list_indexes("transformation")
