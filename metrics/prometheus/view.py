"""GET /metrics of the web role: the metrics of every process that shares the data folder, and what waits."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from fasthook.lib.errors import envelope
from fasthook.metrics.registry import TABLE
from metrics.prometheus.access import why_refused
from metrics.prometheus.backlog import Backlog
from metrics.prometheus.exposition import Instruments


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    headers = {name.lower(): value for name, value in request.headers.items()}
    refusal = why_refused(token=settings.METRICS_TOKEN, peer=request.META.get("REMOTE_ADDR"), headers=headers)
    if refusal is not None:
        return JsonResponse(envelope(message=refusal, code="FORBIDDEN"), status=403)
    encode, content_type = choose_encoder(headers.get("accept", ""))
    return HttpResponse(encode(_registry()), headers={"Content-Type": content_type, "Cache-Control": "no-store"})


@lru_cache(maxsize=1)
def _registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Instruments(TABLE, settings.METRICS_DIR))
    registry.register(Backlog(settings.DATA_DIR))
    return registry
