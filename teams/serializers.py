"""Shapes of the bodies and answers of sign-in and project secrets."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from fasthook.api.fields import ChoiceField, InputSerializer, MomentField, TextField
from fasthook.lib.clock import iso
from fasthook.lib.crypto import mask
from teams.models import Membership, ProjectSecrets, Role, Team, User
from teams.secrets import SECRET_NAMES


class LoginInput(InputSerializer):
    email = TextField(max_length=254)
    password = TextField(max_length=1024)


class RotateInput(InputSerializer):
    rotate = serializers.ListField(child=ChoiceField(choices=SECRET_NAMES), required=False)


class SecretsInput(InputSerializer):
    api_key = TextField(max_length=300, required=False)
    signing_secret = TextField(max_length=300, required=False)


class UserOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    email = serializers.CharField()
    name = serializers.CharField(allow_blank=True)


class TeamOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)


class SessionOutput(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = MomentField()
    user = UserOutput()
    teams = TeamOutput(many=True)


class WhoOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["api_key", "session"])
    user = UserOutput(allow_null=True)
    teams = TeamOutput(many=True)


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


def user_answer(user: User) -> dict[str, Any]:
    return {"id": user.id, "email": user.email, "name": user.name}


def team_answer(team: Team, role: str | None) -> dict[str, Any]:
    return {"id": team.id, "name": team.name, "role": role}


def membership_answers(memberships: list[Membership]) -> list[dict[str, Any]]:
    return [team_answer(each.team, each.role) for each in memberships]
