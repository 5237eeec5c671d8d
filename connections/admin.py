"""Support staff's view of connections and transformations."""

from __future__ import annotations

from django.contrib import admin

from connections.models import Connection, Transformation
from fasthook.lib.staff import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "source", "destination", "paused_at", "disabled_at", "deleted_at")
    list_filter = (
        ("paused_at", admin.EmptyFieldListFilter),
        ("disabled_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("team", "source", "destination")
    search_fields = ("id__exact", "team__id__exact", "source__id__exact", "destination__id__exact", "name")
    ordering = ("-id",)


@admin.register(Transformation)
class TransformationAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "deleted_at", "updated_at")
    list_filter = (("deleted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("team",)
    search_fields = ("id__exact", "team__id__exact", "name")
    ordering = ("-id",)
