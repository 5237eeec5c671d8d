"""A small HTTP server for the metrics of a worker or beat that has a container, and a data folder, of its own.

Off unless METRICS_PORT is set. It reads nothing from Postgres: what waits is shown by the web role.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

import orjson
import structlog
from django.conf import settings
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from fasthook.lib.errors import envelope
from fasthook.metrics.registry import TABLE
from metrics.prometheus.access import why_refused
from metrics.prometheus.exposition import Instruments

log = structlog.get_logger(__name__)


def serve_metrics(port: int) -> ThreadingHTTPServer | None:
    """On all addresses, from threads of its own. None when the port is taken: the first process answers for all."""
    try:
        server = _Server(("", port), _Handler)
    except OSError as error:
        log.warning("metrics.serve_failed", port=port, error=str(error))
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Without the look at the name service that HTTPServer does here: it may take seconds."""
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path.partition("?")[0] != "/metrics":
            return self._answer(404, envelope(message="the metrics are at /metrics", code="NOT_FOUND"))
        refusal = why_refused(token=settings.METRICS_TOKEN, peer=str(self.client_address[0]), headers=headers)
        if refusal is not None:
            return self._answer(403, envelope(message=refusal, code="FORBIDDEN"))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Instruments(TABLE, settings.METRICS_DIR))
        encode, content_type = choose_encoder(headers.get("accept", ""))
        return self._send(200, content_type, encode(registry))

    def _answer(self, status: int, body: dict[str, object]) -> None:
        self._send(status, "application/json", orjson.dumps(body))

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line each."""
