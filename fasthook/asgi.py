"""The web process: ingress and the built-in receiver as small ASGI applications, everything else by Django."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fasthook.settings")
# Django answers each call on a thread of its own here, so they share a pool of connections.
os.environ["FASTHOOK_WEB"] = "1"

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

import orjson
from django.conf import settings

from destinations.mock_receiver import mock_application
from events.ingress.app import Ingress
from fasthook.api.parsers import MAX_SOURCE_TEXT_BYTES
from fasthook.bounded_bodies import bounded_body
from fasthook.lib.browsers.sandbox import sandboxed
from fasthook.lib.errors import envelope
from fasthook.lib.gc_tuning import tune_gc
from fasthook.lib.proxies import TrustedProxies
from fasthook.metrics import registry
from metrics.prometheus.start import begin_measuring

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Application:
    """Chooses by path. Refuses oversized headers before anything else looks at them."""

    def __init__(self) -> None:
        self._ingress: Ingress | None = None
        self._proxies = TrustedProxies(settings.TRUSTED_PROXIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        if scope["type"] != "http":
            return await _refuse_websocket(send)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > settings.MAX_HEADER_BYTES:
            # Whatever was called: it may have been a source.
            return await _refuse_headers(sandboxed(send))
        if self._proxies:
            self._look_behind_proxy(scope)
        address = self._ingress.address_of(scope) if self._ingress is not None else None
        if self._ingress is not None and address is not None:
            return await self._ingress.take(address, scope, receive, send)
        if scope["path"].startswith("/mock/") or scope["path"] == "/mock":
            return await mock_application(scope, receive, send)
        within = bounded_body(receive, limit=max(settings.MAX_API_BODY_BYTES, MAX_SOURCE_TEXT_BYTES))
        await django_application(cast("Any", scope), within, cast("Any", send))
        return None

    def _look_behind_proxy(self, scope: Scope) -> None:
        """Puts the caller in the proxy's place. `fasthook.root` is scheme and host as the caller wrote them."""
        peer_ip, peer_port = scope.get("client") or ("", 0)
        caller = self._proxies.caller(peer_ip, scope["headers"])
        if caller is None:
            return
        scope["client"] = (caller.ip, peer_port if caller.ip == peer_ip else 0)
        if caller.scheme is not None:
            scope["scheme"] = caller.scheme
            if caller.host is not None:
                base_path = urlsplit(settings.BASE_URL).path.rstrip("/")
                scope["fasthook.root"] = f"{caller.scheme}://{caller.host}{base_path}"

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                begin_measuring("web")
                self._ingress = Ingress()
                await self._ingress.start()
                tune_gc()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._ingress is not None:
                    await self._ingress.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _refuse_websocket(send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


async def _refuse_headers(send: Send) -> None:
    limit = settings.MAX_HEADER_BYTES
    registry.requests_rejected.add(1, "HEADERS_TOO_LARGE")
    body = orjson.dumps(
        envelope(
            message=f"the headers are larger than {limit} bytes; send fewer or shorter ones", code="HEADERS_TOO_LARGE"
        )
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = Application()
