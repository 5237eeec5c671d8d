"""Error views: answers to calls that no view answered, such as unknown paths, refused requests and crashes.

JSON for programs, pages for browsers.
"""

from __future__ import annotations

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from fasthook.api.errors import DATABASE_FAULTS, database_unavailable
from fasthook.lib.errors import envelope

_API_PREFIXES = ("/v1/", "/api/", "/in/")


@csrf_exempt
def unknown_path(request: HttpRequest, exception: Exception | None = None, **_: Any) -> HttpResponseBase:
    if _wants_page(request):
        return defaults.page_not_found(request, exception or Exception("not found"))
    hint = "; paths have no slash at the end" if request.path.endswith("/") else ""
    return _answer(404, "NOT_FOUND", f"there is nothing at {request.path[:200]}{hint}")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _wants_page(request):
        return defaults.bad_request(request, exception)
    return _answer(400, "BAD_REQUEST", "the request is malformed, or its Host header is not one of ALLOWED_HOSTS")


def crashed(request: HttpRequest) -> HttpResponseBase:
    """Runs inside the handling of the exception, so the database being away can be told from a fault of ours."""
    if isinstance(sys.exc_info()[1], DATABASE_FAULTS):
        error = database_unavailable()
        return _answer(error.status, error.code, error.message, headers=error.headers)
    if _wants_page(request):
        return defaults.server_error(request)
    return _answer(500, "INTERNAL_ERROR", "something went wrong on our side; it has been logged")


def _answer(status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> HttpResponse:
    return JsonResponse(envelope(message=message, code=code), status=status, headers=headers)


def _wants_page(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith(_API_PREFIXES)
