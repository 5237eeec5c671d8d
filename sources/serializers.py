"""Serializers of sources."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from fasthook.api.fields import (
    MAX_DESCRIPTION_LENGTH,
    ChoiceField,
    InputSerializer,
    MomentField,
    NameField,
    ObjectField,
    TextField,
)
from fasthook.lib.masking import mask_auth
from sources.models import Source
from sources.services import DISABLED, ENABLED
from sources.verification.config import SECRET_FIELDS
from sources.warnings import source_warnings


class SourceConfigInput(InputSerializer):
    auth_type = TextField(required=False, allow_null=True)
    auth = ObjectField(required=False, allow_null=True)
    allowed_http_methods = serializers.ListField(child=TextField(), required=False, allow_null=True)
    custom_response = ObjectField(required=False, allow_null=True)


class SourceInput(InputSerializer):
    """`status` and `disabled_at` say the same; both may be given if they agree."""

    echoed = frozenset({"url", "created_at", "updated_at", "warnings"})

    id = TextField(required=False)
    team_id = TextField(required=False)
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    type = TextField(required=False)
    status = ChoiceField(choices=[ENABLED, DISABLED], required=False)
    disabled_at = MomentField(required=False, allow_null=True)
    config = SourceConfigInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "status" in attrs and "disabled_at" in attrs:
            status = attrs.pop("status")
            if (status == DISABLED) != (attrs["disabled_at"] is not None):
                raise ValidationError({"status": [f"says {status}, disabled_at says the opposite; send one of them"]})
        return attrs


class SourceConfigOutput(serializers.Serializer[Any]):
    auth_type = serializers.CharField(allow_null=True)
    auth = serializers.SerializerMethodField()
    allowed_http_methods = serializers.ListField(child=serializers.CharField())
    custom_response = serializers.JSONField(allow_null=True)

    def get_auth(self, source: Source) -> dict[str, Any] | None:
        auth: Any = source.auth
        return mask_auth(auth, SECRET_FIELDS.get(source.auth_type or "", frozenset()))


class WarningOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()


class SourceOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    type = serializers.CharField()
    url = serializers.CharField()
    status = serializers.SerializerMethodField()
    config = SourceConfigOutput(source="*")
    disabled_at = MomentField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()
    warnings = serializers.SerializerMethodField()

    def get_status(self, source: Source) -> str:
        return DISABLED if source.disabled_at else ENABLED

    def get_warnings(self, source: Source) -> list[dict[str, str]]:
        return source_warnings(source)
