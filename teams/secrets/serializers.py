"""Serializers of project secrets."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from fasthook.api.fields import ChoiceField, InputSerializer, MomentField, TextField
from fasthook.lib.clock import iso
from fasthook.lib.crypto import mask
from teams.models import ProjectSecrets
from teams.secrets.services import SECRET_NAMES


class RotateInput(InputSerializer):
    rotate = serializers.ListField(child=ChoiceField(choices=SECRET_NAMES), required=False)


class SecretsInput(InputSerializer):
    api_key = TextField(max_length=300, required=False)
    signing_secret = TextField(max_length=300, required=False)


class SecretOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    value = serializers.CharField()
    masked = serializers.CharField()
    created_at = MomentField()
    rotated_at = MomentField(allow_null=True)


class SigningSecretOutput(SecretOutput):
    previous_valid_until = MomentField(allow_null=True)


class SecretsOutput(serializers.Serializer[Any]):
    api_key = SecretOutput()
    signing_secret = SigningSecretOutput()


def secrets_answer(row: ProjectSecrets) -> dict[str, Any]:
    return {
        "api_key": {
            "id": row.api_key_id,
            "value": row.api_key,
            "masked": mask(row.api_key),
            "created_at": iso(row.api_key_created_at),
            "rotated_at": iso(row.api_key_rotated_at),
        },
        "signing_secret": {
            "id": row.signing_secret_id,
            "value": row.signing_secret,
            "masked": mask(row.signing_secret),
            "created_at": iso(row.signing_secret_created_at),
            "rotated_at": iso(row.signing_secret_rotated_at),
            "previous_valid_until": iso(row.previous_valid_until),
        },
    }
