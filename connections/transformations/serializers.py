"""Serializers of transformations and code runs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from connections.models import Transformation
from connections.sandbox.jobs import ErrorKind, RunStatus
from fasthook.api.fields import MAX_DESCRIPTION_LENGTH, InputSerializer, MomentField, NameField, ObjectField, TextField
from fasthook.lib.masking import mask_auth


@extend_schema_field(OpenApiTypes.ANY)
class AnyJSONField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, null too, as it came."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class TransformationInput(InputSerializer):
    echoed = frozenset({"created_at", "updated_at"})

    id = TextField(required=False)
    team_id = TextField(required=False)
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    code = TextField()
    env = ObjectField(required=False)


class TransformationOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    env = serializers.SerializerMethodField(help_text="Values are masked.")
    created_at = MomentField()
    updated_at = MomentField()

    def get_env(self, transformation: Transformation) -> dict[str, str]:
        env: Any = transformation.env
        return mask_auth(env, env.keys()) or {}


class RunRequestInput(InputSerializer):
    """A request as evidence shows it: `data` of a request, or `latest_input.input`, can be sent as it is."""

    echoed = frozenset({"body_size", "body_truncated"})

    method = TextField(required=False)
    path = TextField(required=False, allow_blank=True)
    query = TextField(required=False, allow_blank=True)
    parsed_query = ObjectField(required=False, allow_null=True)
    headers = ObjectField(required=False)
    body = AnyJSONField(required=False)
    body_encoding = TextField(required=False)
    created_at = TextField(required=False)


class NamedInput(InputSerializer):
    id = TextField(required=False, allow_null=True)
    name = TextField(required=False, allow_null=True)


class RunContextInput(InputSerializer):
    connection = NamedInput(required=False)
    source = NamedInput(required=False)  # type: ignore[assignment]
    destination = NamedInput(required=False)


class RunInput(InputSerializer):
    code = TextField(required=False)
    transformation_id = TextField(required=False)
    env = ObjectField(required=False)
    request = RunRequestInput(required=False)
    context = RunContextInput(required=False)  # type: ignore[assignment]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "code" not in attrs and "transformation_id" not in attrs:
            raise ValidationError({"code": ["is required (or transformation_id)"]})
        return attrs


class ValidateInput(InputSerializer):
    code = TextField()


class RunErrorOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in ErrorKind])
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    column = serializers.IntegerField(allow_null=True)


class LogLineOutput(serializers.Serializer[Any]):
    level = serializers.CharField()
    message = serializers.CharField()


class RunResultOutput(serializers.Serializer[Any]):
    method = serializers.CharField()
    path = serializers.CharField()
    query = serializers.CharField()
    parsed_query = ObjectField()
    headers = ObjectField()
    body = AnyJSONField()
    body_encoding = serializers.ChoiceField(choices=["json", "text", "base64"])


class RunOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[RunStatus.SUCCESSFUL.value, RunStatus.FAILED.value])
    result = RunResultOutput(allow_null=True)
    changed = serializers.BooleanField()
    error = RunErrorOutput(allow_null=True)
    logs = LogLineOutput(many=True)
    duration_ms = serializers.FloatField()
    cpu_ms = serializers.FloatField()


class ValidateOutput(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    error = RunErrorOutput(allow_null=True)
