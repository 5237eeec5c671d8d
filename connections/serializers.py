"""Serializers of connections."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from destinations.serializers import DestinationInput, DestinationOutput
from fasthook.api.fields import MAX_DESCRIPTION_LENGTH, InputSerializer, MomentField, NameField, TextField
from sources.serializers import SourceInput, SourceOutput


@extend_schema_field({"type": "array", "items": {"type": "object"}})
class RulesField(serializers.Field[Any, Any, Any, Any]):
    """Handed on as it came: `connections.rules.spec` reads rules and names their faults."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class InlineSourceInput(SourceInput):
    name = NameField(required=False)


class InlineDestinationInput(DestinationInput):
    name = NameField(required=False)


class ConnectionInput(InputSerializer):
    """Each end: its id, an object with an `id`, or an object that is created or updated by its name."""

    echoed = frozenset({"created_at", "updated_at", "waiting"})

    id = TextField(required=False)
    team_id = TextField(required=False)
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    source_id = TextField(required=False)
    destination_id = TextField(required=False)
    source = InlineSourceInput(required=False)  # type: ignore[assignment]
    destination = InlineDestinationInput(required=False)
    rules = RulesField(required=False)
    paused_at = MomentField(required=False, allow_null=True)
    disabled_at = MomentField(required=False, allow_null=True)


class WaitingOutput(serializers.Serializer[Any]):
    """Of one connection's events; in its detail, and only where something waits."""

    settling = serializers.BooleanField(help_text="They are being brought in line with a change of the connection.")
    held = serializers.IntegerField(help_text="On HOLD.")
    queued = serializers.IntegerField(help_text="Waiting for an attempt, or in flight.")
    exact = serializers.BooleanField(help_text="False beyond 10,000.")


class ConnectionOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    source_id = serializers.CharField()
    destination_id = serializers.CharField()
    source = SourceOutput()  # type: ignore[assignment]
    destination = DestinationOutput()
    rules = RulesField()
    paused_at = MomentField(allow_null=True)
    disabled_at = MomentField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()
    waiting = WaitingOutput(required=False)
