"""What the resources' viewsets share. Routes name the methods themselves, in `fasthook.api_urls`.

Apart from `fasthook.lib.rest`, which REST framework imports while it is itself being imported.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from fasthook.lib.rest import JSONParser


class ApiViewSet(ViewSet):
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Without a length REST framework takes a chunked body for an empty one.
        if not request.META.get("CONTENT_LENGTH") and request.META.get("HTTP_TRANSFER_ENCODING"):
            request._body = request.read(self._limit_bytes() + 1)
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return super().initialize_request(request, *args, **kwargs)

    def _limit_bytes(self) -> int:
        limits = [parser.limit_bytes() for parser in self.get_parsers() if isinstance(parser, JSONParser)]
        return max(limits, default=settings.MAX_API_BODY_BYTES)
