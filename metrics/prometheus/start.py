"""Publishing at a process's start, so that its metrics are seen: docs/decisions/0017."""

from __future__ import annotations

import structlog
from django.conf import settings

from fasthook.metrics.registry import TABLE, process_starts
from metrics.prometheus.server import serve_metrics

log = structlog.get_logger(__name__)


def begin_measuring(process: str) -> None:
    """`process` is the role: web, beat, or a worker's queues. Never in the way: what fails here is only logged."""
    name = "".join(character if character.isalnum() or character == "-" else "-" for character in process)
    try:
        TABLE.publish(settings.METRICS_DIR, name)
    except OSError as error:
        log.warning("metrics.publish_failed", folder=str(settings.METRICS_DIR), error=str(error))
    process_starts.add(1, name)
    if settings.METRICS_PORT and name != "web":
        serve_metrics(settings.METRICS_PORT)
