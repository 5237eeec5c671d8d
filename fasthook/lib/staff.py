"""How support staff see rows in the admin: configuration and evidence are read there, never written.

Configuration changes only through its services, which take the next version; the API and the dashboard do that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from fasthook.lib.fields import EncryptedJSONField


class ReadOnlyAdmin(ModelAdmin):
    """Shows; cannot add, change or delete. Encrypted columns are neither shown nor decrypted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*(super().get_exclude(request, obj) or ()), *self._encrypted()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer(*self._encrypted())

    def _encrypted(self) -> list[str]:
        return [field.name for field in self.model._meta.fields if isinstance(field, EncryptedJSONField)]


class FirstPagesPaginator(Paginator):
    """Ten pages, without counting what lies beyond: evidence is found by id, not by leafing."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by().values("pk")[: 10 * self.per_page].count()


class EvidenceAdmin(ReadOnlyAdmin):
    """Newest first. `found_by` maps the prefix of an id to the indexed column that the search box looks it up in."""

    found_by: ClassVar[Mapping[str, str]] = {}

    search_fields = ("pk",)
    search_help_text = "An id in full: searches are by id, whatever kind it is."
    show_full_result_count = False
    paginator = FirstPagesPaginator
    sortable_by = ()  # other orders than the index's would read whole tables
    list_per_page = 50
    list_max_show_all = 0

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        column = self.found_by.get(term.partition("_")[0])
        return (queryset.filter(**{column: term}) if column else queryset.none()), False
