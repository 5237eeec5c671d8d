"""List filters of destinations."""

from __future__ import annotations

from destinations.models import DestinationType
from fasthook.api.filters import AnyOf, IsSet, ListFilter, OneOf


class DestinationFilter(ListFilter):
    moments = ("created_at", "updated_at")

    id = AnyOf()
    name = AnyOf()
    type = OneOf(DestinationType.values)
    disabled = IsSet(field_name="disabled_at")
