"""Serializers of sign-in."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from fasthook.api.fields import InputSerializer, MomentField, TextField
from teams.models import Membership, Role, Team, User


class LoginInput(InputSerializer):
    email = TextField(max_length=254)
    password = TextField(max_length=1024)


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


def user_answer(user: User) -> dict[str, Any]:
    return {"id": user.id, "email": user.email, "name": user.name}


def team_answer(team: Team, role: str | None) -> dict[str, Any]:
    return {"id": team.id, "name": team.name, "role": role}


def membership_answers(memberships: list[Membership]) -> list[dict[str, Any]]:
    return [team_answer(each.team, each.role) for each in memberships]
