"""Support staff's view of destinations."""

from __future__ import annotations

from django.contrib import admin

from destinations.models import Destination
from destinations.services import disable_destination
from fasthook.admin.actions import SafeAction, confirmed
from fasthook.admin.fields import Shown, moment, without_query
from fasthook.admin.staff import ReadOnlyAdmin
from fasthook.lib.clock import utc_now


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "id",
        "team",
        "type",
        "auth_type",
        "rate_limit",
        moment("disabled_at"),
        moment("updated_at"),
    )
    list_filter = ("type", ("disabled_at", admin.EmptyFieldListFilter), ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    found_by = {"des": "id", "tm": "team_id"}
    search_fields = ("name",)
    search_help_text = "An id (des_, tm_), or part of a name"
    ordering = ("-id",)
    actions_detail = ("disable",)

    disable = confirmed(
        SafeAction(
            label="Disable",
            effect="Nothing is sent to it from now on. What waits for it is cancelled and has to be retried by its team"
            " after it is enabled again; attempts in flight finish.",
            done="The destination is disabled. What waits for it is being cancelled.",
            act=lambda row: disable_destination(row.team, row.id, now=utc_now()),
            is_open=lambda row: row.disabled_at is None and row.deleted_at is None,
        )
    )

    def shown_instead(self, shown: str | Shown) -> str | Shown:
        return without_query("url") if shown == "url" else shown
