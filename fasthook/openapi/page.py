"""The page that shows the API's description, and from which it can be tried."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

# Swagger UI styles its elements one by one; no script stands in the page itself.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class DocsPage(SpectacularSwaggerSplitView):
    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        finalized = super().finalize_response(request, response, *args, **kwargs)
        finalized.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return finalized
