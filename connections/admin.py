"""Support staff's view of connections and transformations."""

from __future__ import annotations

from django.contrib import admin

from connections.models import Connection, Transformation
from connections.services import disable_connection
from fasthook.admin.actions import SafeAction, confirmed
from fasthook.admin.fields import moment
from fasthook.admin.staff import ReadOnlyAdmin
from fasthook.lib.clock import utc_now


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "source", "destination", moment("paused_at"), moment("disabled_at"))
    list_filter = (
        ("paused_at", admin.EmptyFieldListFilter),
        ("disabled_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("team", "source", "destination")
    found_by = {"conn": "id", "tm": "team_id", "src": "source_id", "des": "destination_id"}
    search_fields = ("name",)
    search_help_text = "An id (conn_, src_, des_, tm_), or part of a name"
    ordering = ("-id",)
    actions_detail = ("disable",)

    disable = confirmed(
        SafeAction(
            label="Disable",
            effect="Requests make no events on it from now on. What waits on it, held events too, is cancelled and has"
            " to be retried by its team after it is enabled again; attempts in flight finish.",
            done="The connection is disabled. What waits on it is being cancelled.",
            act=lambda row: disable_connection(row.team, row.id, now=utc_now()),
            is_open=lambda row: row.disabled_at is None and row.deleted_at is None,
        )
    )


@admin.register(Transformation)
class TransformationAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", moment("updated_at"))
    list_filter = (("deleted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("team",)
    found_by = {"trs": "id", "tm": "team_id"}
    search_fields = ("name",)
    search_help_text = "An id (trs_, tm_), or part of a name"
    ordering = ("-id",)
