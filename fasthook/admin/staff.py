"""Model admins of support staff: rows are read here, and changed only by safe actions.

Configuration changes only through its services, which take the next version; the API and the dashboard do that too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.admin import ModelAdmin

from fasthook.admin.actions import SafeAction
from fasthook.admin.fields import NOTHING, Shown, is_set, links, show
from fasthook.admin.lists import KeysetChangeList, PlainChangeList, id_prefix
from fasthook.lib.model_fields import EncryptedJSONField


class FoundById(ModelAdmin):
    """`found_by` maps the prefix of an id to the column that the search box looks it up in; what is no such id is
    searched in `search_fields` as text."""

    found_by: ClassVar[Mapping[str, str]] = {}
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return PlainChangeList

    @property
    def id_prefix(self) -> str:
        return id_prefix(self.model)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        column = self.found_by.get(search_term.strip().partition("_")[0])
        if column:
            return queryset.filter(**{column: search_term.strip()}), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    @admin.display(description="related", empty_value=NOTHING)
    def related(self, row: Any) -> Any:
        """Links to the lists that can be searched by this row's id."""
        query = urlencode({"q": row.pk})
        found = [
            (str(other.opts.verbose_name_plural).capitalize(), f"{_list_url(other)}?{query}")
            for other in self.admin_site._registry.values()
            if isinstance(other, FoundById) and other.model is not self.model and self.id_prefix in other.found_by
        ]
        return links(sorted(found)) if self.id_prefix and found else None


class ReadOnlyAdmin(FoundById):
    """Shows; cannot add, change or delete. Of encrypted columns it shows whether they hold something."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Staff who might change such rows may do to them what is safe."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Without those that have nothing left to do."""
        offered = list(super().get_actions_detail(request, object_id))
        row = self.get_object(request, unquote(object_id)) if offered else None
        return [each for each in offered if row is not None and self._safe(each).is_open(row)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str | Shown]:
        hidden = set(self.exclude or ())
        fields = sorted(self.model._meta.fields, key=lambda field: not field.primary_key)
        shown = [show(field) for field in fields if field.name not in hidden]
        return [*(self.shown_instead(each) for each in shown), self.related]

    def shown_instead(self, shown: str | Shown) -> str | Shown:
        """For columns that a subclass shows in a way of its own."""
        return shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        encrypted = [field.name for field in self.model._meta.fields if isinstance(field, EncryptedJSONField)]
        # What is not shown is not read either.
        shown: QuerySet[Any] = rows.defer(*encrypted, *(self.exclude or ())).annotate(**is_set(encrypted))
        return shown

    def _safe(self, offered: Any) -> SafeAction:
        found: SafeAction = offered.method.safe
        return found


class EvidenceAdmin(ReadOnlyAdmin):
    """Newest first, a page at a time by key: other orders, and counting, would read whole tables."""

    search_fields = ("pk",)
    ordering = ("-pk",)
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 0
    change_list_template = "support/evidence_list.html"

    @property
    def search_help_text(self) -> str:
        return f"An id in full: {', '.join(f'{prefix}_' for prefix in self.found_by)}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        column = self.found_by.get(term.partition("_")[0])
        if not term:
            return queryset, False
        return (queryset.filter(**{column: term}) if column else queryset.none()), False


def _list_url(other: ModelAdmin) -> str:
    return reverse(f"admin:{other.opts.app_label}_{other.opts.model_name}_changelist")
