"""Serializers of the audit log."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from fasthook.api.fields import MomentField, ObjectField
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of
from teams.models import ActorType, AuditEntry


class AuditActorOutput(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=ActorType.choices)
    id = serializers.CharField(allow_null=True, help_text="Of the user or the API key.")
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]


class AuditResourceOutput(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_blank=True)


class AuditEntryOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    action = serializers.CharField(help_text="Such as connection.paused.")
    actor = AuditActorOutput()
    ip = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(allow_null=True, help_text="As X-Request-Id of the call's answer.")
    resource = AuditResourceOutput()
    before = ObjectField(allow_null=True, help_text="What differs, as it was; null for a creation.")
    after = ObjectField(allow_null=True, help_text="What differs, as it is now; null for a deletion.")
    meta = ObjectField(allow_null=True)
    created_at = MomentField()


def audit_answer(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.id,
        "team_id": row.team_id,
        "action": row.action,
        "actor": {"type": row.actor_type, "id": row.actor_id, "label": row.actor_label},
        "ip": row.ip,
        "request_id": row.request_id,
        "resource": {"type": row.resource_type, "id": row.resource_id, "name": row.resource_name},
        "before": row.before,
        "after": row.after,
        "meta": row.meta,
        "created_at": iso(time_of(row.id)),
    }
