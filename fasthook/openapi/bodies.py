"""The bodies of calls in the OpenAPI description, as strict as `fasthook.api.fields` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema

ECHOED = "Only FastHook sets it. It may be sent back as an answer showed it, and is not looked at."


class InputSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Unknown fields are refused, empty text too unless the field allows it."""

    target_class = "fasthook.api.fields.InputSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        map_plainly: Any = auto_schema._map_serializer
        schema: dict[str, Any] = map_plainly(self.target, direction, bypass_extensions=True)
        properties = schema.setdefault("properties", {})
        for name, field in self.target.fields.items():
            if isinstance(field, serializers.CharField) and not field.allow_blank and name in properties:
                properties[name].setdefault("minLength", 1)
        for name in sorted(self.target.echoed):
            properties.setdefault(name, {"description": ECHOED})
        schema["additionalProperties"] = False
        return schema
