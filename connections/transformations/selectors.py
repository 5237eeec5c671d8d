"""List filters of transformations."""

from __future__ import annotations

from fasthook.api.filters import AnyOf, ListFilter


class TransformationFilter(ListFilter):
    moments = ("created_at", "updated_at")

    id = AnyOf()
    name = AnyOf()
