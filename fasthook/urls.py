"""URL table: the API with and without its version, its description, the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from fasthook.error_views import unknown_path
from fasthook.health import livez, readyz
from fasthook.openapi.page import DocsPage
from fasthook.openapi.view import schema
from metrics.prometheus.view import metrics

urlpatterns = [
    path("", RedirectView.as_view(url="/v1/docs")),
    path("favicon.ico", RedirectView.as_view(url="/static/favicon.svg")),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("v1/schema", schema, name="schema"),
    path("v1/docs", DocsPage.as_view(url_name="schema"), name="docs"),
    path("v1/", include("fasthook.api_urls")),
    # Says so in JSON under DEBUG too, where Django would show its own page.
    re_path("^v1/", unknown_path),
    path("", include("fasthook.api_urls")),
]

handler400 = "fasthook.error_views.bad_request"
handler404 = "fasthook.error_views.unknown_path"
handler500 = "fasthook.error_views.crashed"
