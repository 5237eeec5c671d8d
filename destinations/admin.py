"""Support staff's view of destinations."""

from __future__ import annotations

from django.contrib import admin

from destinations.models import Destination
from fasthook.lib.staff import ReadOnlyAdmin


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", "auth_type", "rate_limit", "disabled_at", "deleted_at", "updated_at")
    list_filter = ("type", ("disabled_at", admin.EmptyFieldListFilter), ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("id__exact", "team__id__exact", "name")
    ordering = ("-id",)
