"""Serializer of GET /sources/types.

Made with functions: a serializer class cannot have members named `label`, `default`, `required` or `fields`.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

Output = serializers.Serializer[Any]


def _text(help_text: str = "") -> serializers.CharField:
    return serializers.CharField(allow_null=True, help_text=help_text)


def _shape(name: str, fields: dict[str, Any]) -> type[Output]:
    """One class for each name, however often the shape is used."""
    return type(inline_serializer(name=name, fields=fields))


_AuthField = _shape(
    "AuthField",
    {
        "name": serializers.CharField(),
        "label": serializers.CharField(),
        "kind": serializers.ChoiceField(choices=["secret", "text", "number", "boolean", "choice"]),
        "required": serializers.BooleanField(),
        "default": serializers.JSONField(allow_null=True),
        "many": serializers.BooleanField(help_text="A list of up to 10 is legal too, for rotation."),
        "multiline": serializers.BooleanField(),
        "help": serializers.CharField(allow_blank=True),
        "choices": serializers.ListField(child=serializers.CharField(), required=False),
    },
)

_SourceType = _shape(
    "SourceType",
    {
        "type": _text("What the source's type says; null: a further value of auth.provider only."),
        "provider": _text("What auth.provider says; null for WEBHOOK."),
        "label": serializers.CharField(),
        "docs_url": _text("Where the provider describes its signature."),
        "auth_type": _text("What config.auth with these fields means."),
        "fields": _AuthField(many=True),
        "handshake": _text("What FastHook answers to the provider by itself."),
        "allowed_http_methods": serializers.ListField(child=serializers.CharField()),
        "event_type": _text("Where the event's type is, as rules spell it."),
        "event_id": _text("Where the event's id is, as rules spell it."),
        "unverified": _text("What was not seen in the provider's own documentation."),
    },
)

_AuthType = _shape("AuthType", {"auth_type": serializers.CharField(), "fields": _AuthField(many=True)})

SourceTypesOutput = _shape(
    "SourceTypes",
    {
        "count": serializers.IntegerField(),
        "models": _SourceType(many=True, help_text="What a source's type may be."),
        "auth_types": _AuthType(many=True, help_text="What config.auth_type may be on any source."),
        "providers": _SourceType(many=True, help_text="Further values of auth.provider, for sources of type WEBHOOK."),
    },
)
