"""Support staff's view of sources."""

from __future__ import annotations

from django.contrib import admin

from fasthook.admin.actions import SafeAction, confirmed
from fasthook.admin.fields import moment
from fasthook.admin.staff import ReadOnlyAdmin
from fasthook.lib.clock import utc_now
from sources.models import Source
from sources.services import disable_source


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "team", "type", "auth_type", moment("disabled_at"), moment("updated_at"))
    list_filter = ("type", ("disabled_at", admin.EmptyFieldListFilter), ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    found_by = {"src": "id", "tm": "team_id"}
    search_fields = ("slug__exact", "name")
    search_help_text = "An id (src_, tm_), the slug in a source URL, or part of a name"
    ordering = ("-id",)
    actions_detail = ("disable",)

    disable = confirmed(
        SafeAction(
            label="Disable",
            effect="Its URL answers 410 from now on, and what arrives is stored as rejected. What was accepted before"
            " goes on being delivered.",
            done="The source is disabled.",
            act=lambda row: disable_source(row.team, row.id, now=utc_now()),
            is_open=lambda row: row.disabled_at is None and row.deleted_at is None,
        )
    )
