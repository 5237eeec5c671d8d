"""Serializers of destinations."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from destinations.config import MAX_CONCURRENCY, MAX_RATE_LIMIT, MAX_TIMEOUT_S, METHODS, MIN_TIMEOUT_S, shown_target
from destinations.models import Destination, DestinationType, RatePeriod
from destinations.outbound.auth.types import DESTINATION_SECRET_FIELDS
from fasthook.api.fields import (
    MAX_DESCRIPTION_LENGTH,
    BooleanField,
    ChoiceField,
    InputSerializer,
    IntegerField,
    MomentField,
    NameField,
    NumberField,
    ObjectField,
    TextField,
)
from fasthook.lib.masking import mask_auth


class DestinationConfigInput(InputSerializer):
    url = TextField(required=False, allow_null=True)
    path = TextField(required=False, allow_null=True, help_text="MOCK_API only: path on the built-in receiver.")
    http_method = ChoiceField(choices=METHODS, required=False, allow_null=True)
    rate_limit = IntegerField(min_value=1, max_value=MAX_RATE_LIMIT, required=False, allow_null=True)
    rate_limit_period = ChoiceField(choices=RatePeriod.choices, required=False, allow_null=True)
    max_concurrency = IntegerField(min_value=1, max_value=MAX_CONCURRENCY, required=False, allow_null=True)
    timeout = NumberField(
        min_value=MIN_TIMEOUT_S, max_value=MAX_TIMEOUT_S, required=False, allow_null=True, help_text="Seconds."
    )
    path_forwarding_disabled = BooleanField(required=False, allow_null=True)
    auth_type = TextField(required=False, allow_null=True)
    auth = ObjectField(required=False, allow_null=True)


class DestinationInput(InputSerializer):
    echoed = frozenset({"created_at", "updated_at"})

    id = TextField(required=False)
    team_id = TextField(required=False)
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    type = ChoiceField(choices=DestinationType.choices, required=False)
    disabled_at = MomentField(required=False, allow_null=True)
    config = DestinationConfigInput(required=False)


class DestinationConfigOutput(serializers.Serializer[Any]):
    url = serializers.CharField()
    path = serializers.CharField(required=False, help_text="MOCK_API only.")
    http_method = serializers.ChoiceField(choices=METHODS, allow_null=True)
    rate_limit = serializers.IntegerField(allow_null=True)
    rate_limit_period = serializers.ChoiceField(choices=RatePeriod.choices)
    max_concurrency = serializers.IntegerField()
    timeout = serializers.FloatField(help_text="Seconds.")
    path_forwarding_disabled = serializers.BooleanField()
    auth_type = serializers.CharField(allow_null=True)
    auth = serializers.DictField(allow_null=True)

    def to_representation(self, instance: Destination) -> dict[str, Any]:
        auth: Any = instance.auth
        return {
            **shown_target(instance),
            "http_method": instance.http_method,
            "rate_limit": instance.rate_limit,
            "rate_limit_period": instance.rate_limit_period,
            "max_concurrency": instance.max_concurrency,
            "timeout": instance.timeout_s,
            "path_forwarding_disabled": instance.path_forwarding_disabled,
            "auth_type": instance.auth_type,
            "auth": mask_auth(auth, DESTINATION_SECRET_FIELDS.get(instance.auth_type or "", frozenset())),
        }


class DestinationOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    team_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    type = serializers.ChoiceField(choices=DestinationType.choices)
    config = DestinationConfigOutput(source="*")
    disabled_at = MomentField(allow_null=True)
    created_at = MomentField()
    updated_at = MomentField()
