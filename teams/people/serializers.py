"""Serializers of teams, members and invitations."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from fasthook.api.describe import list_answer
from fasthook.api.fields import ChoiceField, InputSerializer, MomentField, TextField
from fasthook.lib.clock import iso
from teams.models import Invitation, Membership, Role, Team
from teams.people.invitations import Invited


@extend_schema_field({"type": "string", "format": "email", "maxLength": 254, "minLength": 1})
class EmailField(TextField):
    """In lower case, as sign-in looks it up."""

    def to_internal_value(self, data: Any) -> str:
        email = super().to_internal_value(data).lower()
        try:
            validate_email(email)
        except DjangoValidationError:
            raise ValidationError("must be an email address") from None
        return email


class OneLineField(TextField):
    """Of people's choice: it stands in subjects of mail, in chats and in logs."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
            raise ValidationError("must not contain line breaks or other control characters")
        return text


class TeamInput(InputSerializer):
    name = OneLineField(max_length=155)

    def validate_name(self, name: str) -> str:
        if name != name.strip():
            raise ValidationError("must not begin or end with a space")
        return name


class NewMemberInput(InputSerializer):
    email = EmailField(max_length=254)
    role = ChoiceField(choices=Role.choices, required=False, default=Role.MEMBER.value)


class MemberInput(InputSerializer):
    role = ChoiceField(choices=Role.choices)


class AcceptInput(InputSerializer):
    token = TextField(max_length=300)
    password = TextField(max_length=1024, help_text="Of the account with the invited email; a new one makes it.")
    name = OneLineField(max_length=155, required=False, allow_blank=True, help_text="Of a new account.")


class TeamDetailOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True, help_text="Yours; null for an API key.")
    created_at = MomentField()
    updated_at = MomentField()


class MemberOutput(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The user's.")
    email = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = MomentField()


class InvitationOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = MomentField()
    expires_at = MomentField()


class FreshInvitationOutput(InvitationOutput):
    token = serializers.CharField(help_text="Shown this once: for POST /auth/accept-invitation.")


class AddedOutput(serializers.Serializer[Any]):
    """One of the two is null."""

    member = MemberOutput(allow_null=True)
    invitation = FreshInvitationOutput(allow_null=True)


TEAM_LIST = list_answer("Team", TeamDetailOutput)
MEMBER_LIST = list_answer("Member", MemberOutput)
INVITATION_LIST = list_answer("Invitation", InvitationOutput)


def team_detail(team: Team, role: str | None) -> dict[str, Any]:
    return {
        "id": team.id,
        "name": team.name,
        "role": role,
        "created_at": iso(team.created_at),
        "updated_at": iso(team.updated_at),
    }


def member_answer(membership: Membership) -> dict[str, Any]:
    return {
        "id": membership.user_id,
        "email": membership.user.email,
        "name": membership.user.name,
        "role": membership.role,
        "created_at": iso(membership.created_at),
    }


def invitation_answer(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.id,
        "email": row.email,
        "role": row.role,
        "created_at": iso(row.created_at),
        "expires_at": iso(row.expires_at),
    }


def added_answer(added: Membership | Invited) -> dict[str, Any]:
    if isinstance(added, Membership):
        return {"member": member_answer(added), "invitation": None}
    return {"member": None, "invitation": {**invitation_answer(added.row), "token": added.token}}
