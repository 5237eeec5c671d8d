"""The base of all viewsets. Routes name their methods, in `fasthook.api_urls`.

Apart from `fasthook.api.errors`, which REST framework imports while it is itself being imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from fasthook.api.parsers import JSONParser
from fasthook.api.renderers import JSONRenderer


class ApiViewSet(ViewSet):
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    # What a throttle says of the call, on its answer whatever that is.
    extra_headers: Mapping[str, str] = {}

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Without a length REST framework takes a chunked body for an empty one.
        if not request.META.get("CONTENT_LENGTH") and request.META.get("HTTP_TRANSFER_ENCODING"):
            request._body = request.read(self._limit_bytes() + 1)
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return super().initialize_request(request, *args, **kwargs)

    def check_permissions(self, request: Request) -> None:
        """Behind the throttles, unlike REST framework's: what is refused has cost something too."""
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """They were asked."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(answer, Response) and answer.exception:
            # Errors have one form, whatever else a view answers in.
            answer.accepted_renderer = JSONRenderer()
            answer.accepted_media_type = JSONRenderer.media_type
        for name, value in self.extra_headers.items():
            answer.headers.setdefault(name, value)
        return answer

    def _limit_bytes(self) -> int:
        limits = [parser.limit_bytes() for parser in self.get_parsers() if isinstance(parser, JSONParser)]
        return max(limits, default=settings.MAX_API_BODY_BYTES)
