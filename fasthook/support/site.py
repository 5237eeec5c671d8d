"""The admin site of support staff: the box that finds, a bound on how long a page reads, and headers for browsers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import psycopg
from django.contrib import messages
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

from fasthook.support.finding import find, prefixes

MAX_READ_S: Final = 5.0
# Alpine, which the pages are made with, evaluates what stands in their attributes; no script stands in a page itself.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
View = Callable[..., Any]


class SupportSite(UnfoldAdminSite):
    index_title = "Support"

    def extra_urls(self) -> list[URLPattern]:
        return [path("find/", self.admin_view(self.find), name="find")]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        return bounded(super().admin_view(view, cacheable), self)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return for_browsers(super().login(request, extra_context))

    def find(self, request: HttpRequest) -> HttpResponse:
        """Straight to the page when there is one; a choice when there are several."""
        term = request.GET.get("q", "").strip()
        found = find(self._registry, request, term)
        if len(found) == 1:
            return HttpResponseRedirect(found[0].url)
        context = {
            **self.each_context(request),
            "title": "Find",
            "term": term,
            "found": found,
            "prefixes": prefixes(self._registry),
        }
        return TemplateResponse(request, "support/find.html", context, status=200 if found or not term else 404)


def bounded(view: View, site: SupportSite) -> View:
    """Reads for MAX_READ_S at most, and says so instead of keeping everybody waiting. What acts is not cut short."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return for_browsers(view(request, *args, **kwargs))
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = {int(MAX_READ_S * 1000)}")
                response = view(request, *args, **kwargs)
                # Here, where the bound holds: templates read lists too.
                if isinstance(response, TemplateResponse):
                    response.render()
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise
            response = _too_long(request, site)
        return for_browsers(response)

    return answer


def for_browsers(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _too_long(request: HttpRequest, site: SupportSite) -> HttpResponse:
    messages.error(
        request,
        f"Reading this took longer than {MAX_READ_S:g} seconds and was stopped. Look it up by an id instead.",
    )
    context = {**site.each_context(request), "title": "That took too long", "term": "", "found": [], "prefixes": []}
    return TemplateResponse(request, "support/find.html", context, status=503).render()
