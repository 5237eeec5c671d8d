"""The view of the OpenAPI document: made once per process (it takes a second), JSON, 304 when unchanged."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from threading import Lock

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator

_making = Lock()


@lru_cache(maxsize=1)
def _made() -> tuple[bytes, str]:
    document = orjson.dumps(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'


def document() -> tuple[bytes, str]:
    """The document and its ETag."""
    with _making:
        return _made()


@require_safe
@condition(etag_func=lambda request: document()[1])
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document()[0], content_type="application/json", headers={"Cache-Control": "no-cache"})
