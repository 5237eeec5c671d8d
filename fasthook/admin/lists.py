"""Lists of the admin over tables of any size: newest first, page after page by key, never counted, never leafed."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from fasthook.lib.clock import iso, parse_when, utc_now
from fasthook.lib.errors import InvalidInput
from fasthook.lib.ids import first_id_at, time_of

BEFORE: Final = "before"


class OnePage(Paginator):
    """What is on the page is all there is to know."""

    @property
    def count(self) -> int:
        return len(self.object_list)

    def page(self, number: int | str) -> Page[Any]:
        return Page(self.object_list, 1, self)


class PlainChangeList(ChangeList):
    """Counted once: there is no second count to compare with, so the title does not offer one."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count


class KeysetChangeList(ChangeList):
    """`before` in the query is an id, or a time such as now-2h: the list goes on with what is older."""

    paginator: Any
    older_url: str | None = None
    newest_url: str | None = None
    before: str = ""
    before_fault: str = ""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        self.before = (found.pop(BEFORE, None) or [""])[-1].strip()
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        bound = self._bound()
        return rows.filter(pk__lt=bound) if bound else rows

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        found = list(self.queryset[: size + 1])
        self.result_list = found[:size]
        self.result_count = len(self.result_list)
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_all = self.can_show_all = False
        self.multi_page = False
        self.page_num = 1
        self.paginator = OnePage(self.result_list, size)
        if len(found) > size:
            self.older_url = self.get_query_string({BEFORE: self.result_list[-1].pk}, remove=["p"])
        if self.before:
            self.newest_url = self.get_query_string(remove=[BEFORE, "p"])

    def span(self) -> str:
        """From when to when the page is, where the ids tell."""
        if not self.result_list:
            return ""
        try:
            newest, oldest = (time_of(str(self.result_list[index].pk)) for index in (0, -1))
        except ValueError:
            return ""
        return f"{_minute(newest)} back to {_minute(oldest)} UTC"

    def _bound(self) -> str | None:
        if not self.before:
            return None
        try:
            time_of(self.before)
            return self.before
        except ValueError:
            pass
        prefix = self.model_admin.id_prefix
        try:
            return first_id_at(prefix, parse_when(self.before, at=BEFORE, now=utc_now())) if prefix else None
        except InvalidInput as error:
            self.before_fault = error.message
            return None


def _minute(moment: Any) -> str:
    return (iso(moment) or "")[:16].replace("T", " ")


def id_prefix(model: type[models.Model]) -> str:
    """Of the model's own ids; empty where its key is another's."""
    return str(getattr(model._meta.pk, "prefix", ""))
