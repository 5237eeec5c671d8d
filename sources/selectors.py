"""List filters of sources."""

from __future__ import annotations

from fasthook.api.filters import AnyOf, IsSet, ListFilter, OneOf
from sources.types import SOURCE_TYPES


class SourceFilter(ListFilter):
    moments = ("created_at", "updated_at")

    id = AnyOf()
    name = AnyOf()
    type = OneOf(SOURCE_TYPES)
    disabled = IsSet(field_name="disabled_at")
