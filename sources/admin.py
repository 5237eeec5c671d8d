"""Support staff's view of sources."""

from __future__ import annotations

from django.contrib import admin

from fasthook.lib.staff import ReadOnlyAdmin
from sources.models import Source


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", "auth_type", "slug", "disabled_at", "deleted_at", "updated_at")
    list_filter = ("type", ("disabled_at", admin.EmptyFieldListFilter), ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("id__exact", "team__id__exact", "slug__exact", "name")
    ordering = ("-id",)
