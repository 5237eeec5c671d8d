"""Ingress: the ASGI application that takes providers' calls at source URLs.

Decides, in this order: source known, enabled, method, size, authentication or handshake; then capture, then the answer.
A 2xx is sent only after the request is on disk. What each refusal answers and leaves behind: docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, connection
from psycopg import Connection

from events.ingress.address import SourceAddress
from events.ingress.authentication import Authentication, TryAgain
from events.ingress.body import Body, BufferedBytes, Disconnected, Overloaded, Receive, Scope
from events.ingress.capture import Capture, CaptureFailed
from events.ingress.evidence_budget import EvidenceBudget
from events.ingress.judge import judge
from events.ingress.product_tokens import ProductTokens
from events.ingress.request import InboundReader, read_headers
from events.ingress.responses import (
    Send,
    answer_accepted,
    answer_error,
    answer_rejected,
    answer_unavailable,
)
from events.ingress.store import CapturedRequest
from fasthook.lib.browsers.sandbox import sandboxed
from fasthook.lib.ids import new_id
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection
from fasthook.metrics import registry
from sources.catalog import SourceCatalog, SourceEntry
from teams.config.lock import CURRENT_VERSION_SQL

log = structlog.get_logger(__name__)

_REFRESH_S = 0.5
# How long a start waits for the sources to be read; without Postgres it begins with answering 503.
_START_PATIENCE_S = 3.0
# Calls of unknown sources share one look at the database in this time, however many they are.
_LOOK_AGAIN_S = 0.02
# Counted under this name in discarded_requests when it is over the budget.
_HANDSHAKE = "HANDSHAKE"
_HIDDEN = "****"


class Ingress:
    """One per web process: its catalog of sources, and its capture."""

    def __init__(self) -> None:
        self._address = SourceAddress(settings.INGRESS_URL_TEMPLATE)
        self._catalog = SourceCatalog()
        self._capture = Capture()
        self._authentication = Authentication(self._refresh_once)
        self._inbound = InboundReader(settings.INGRESS_URL_TEMPLATE, settings.BASE_URL)
        self._held = BufferedBytes(settings.CAPTURE_QUEUE_BYTES)
        self._budget = EvidenceBudget(settings.REJECTED_EVIDENCE_PER_MINUTE)
        self._refreshing: asyncio.Task[None] | None = None
        self._refresh: asyncio.Task[None] | None = None
        self._versions = DataConnection("config")
        self._tokens = ProductTokens(self._versions)
        self._ready = asyncio.Event()
        self._outage = Outage(restored="catalog.refreshed")

    async def start(self) -> None:
        """Calls that come meanwhile wait in the server's queue: better than a 503, if it is not for long."""
        self._capture.start()
        self._refreshing = asyncio.create_task(self._keep_refreshed())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), _START_PATIENCE_S)

    async def stop(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
        await self._authentication.close()
        await self._capture.stop()
        await asyncio.to_thread(self._versions.close)

    def address_of(self, scope: Scope) -> tuple[str, str] | None:
        """The slug and the rest of the path; None when the call is not for a source."""
        return self._address.split(scope)

    async def take(self, address: tuple[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call, always sandboxed. `address` is what `address_of` found."""
        send = sandboxed(send)
        try:
            await self._serve(address, scope, receive, send)
        except Disconnected:
            pass
        except CaptureFailed:
            await answer_unavailable(
                send, "STORAGE_AWAY", "storage is not available; nothing was stored, send it again"
            )
        except TryAgain as error:
            await answer_unavailable(send, "PROVIDER_AWAY", str(error))
        except Overloaded:
            await answer_unavailable(
                send, "OVERLOADED", "too much waits to be stored; nothing was stored, send it again"
            )
        except Exception:
            source = self._catalog.by_slug.get(address[0])
            log.exception("ingress.crashed", source_id=source.id if source else None)
            await answer_error(send, 500, "INTERNAL_ERROR", "something went wrong on our side; it has been logged")

    async def _serve(self, address: tuple[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        slug, path = address
        if not self._ready.is_set():
            await answer_unavailable(send, "STARTING", "FastHook is starting; try again in a moment")
            return
        source = self._catalog.by_slug.get(slug) or await self._look_again(slug)
        if source is None:
            registry.requests_rejected.add(1, "UNKNOWN_SOURCE")
            await answer_error(send, 404, "UNKNOWN_SOURCE", "no source has this URL; copy it from the source")
        elif source.fault is not None:
            await answer_unavailable(
                send, "SOURCE_UNUSABLE", "this source cannot be served; its operator must look at the log"
            )
        else:
            await self._take(source, path, scope, receive, send)

    async def _take(self, source: SourceEntry, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(self._held, settings.MAX_BODY_BYTES)
        try:
            content = await body.read(scope, receive)
            await self._judge_and_store(source, path, scope, content, send)
        finally:
            body.let_go()

    async def _judge_and_store(
        self, source: SourceEntry, path: str, scope: Scope, body: bytes | None, send: Send
    ) -> None:
        began = time.perf_counter()
        request_id = new_id("req")
        headers = read_headers(scope)
        inbound = self._inbound.read(source, path, scope, headers, body)
        rejection, verdict = await judge(source, scope["method"], body, inbound, authentication=self._authentication)
        captured = CapturedRequest(
            id=request_id,
            team_id=source.team_id,
            source_id=source.id,
            rejection_cause=rejection.cause if rejection else None,
            verified=rejection is None and verdict.verified,
            handshake=rejection is None and verdict.handshake,
            method=scope["method"],
            path=path,
            query=scope["query_string"].decode("latin-1"),
            headers=[(name, _HIDDEN if name in verdict.hidden_headers else value) for name, value in headers]
            if verdict.hidden_headers
            else headers,
            body=body,
            client_ip=(scope.get("client") or ("", 0))[0],
        )
        if rejection is not None:
            registry.requests_rejected.add(1, rejection.cause)
            await self._leave_evidence(captured, cause=rejection.cause)
            await answer_rejected(send, rejection)
            return
        if verdict.handshake and not verdict.verified:
            # Anybody can send it, and it makes no events: it is bounded as refusals are.
            await self._leave_evidence(captured, cause=_HANDSHAKE)
        else:
            await self._store(captured)
        await answer_accepted(send, source, request_id, inbound, verdict)
        registry.accept_seconds.observe(time.perf_counter() - began)

    async def _leave_evidence(self, captured: CapturedRequest, *, cause: str) -> None:
        """A rejection is answered as such whether or not its evidence could be kept."""
        now = datetime.now(UTC)
        if not self._budget.allows(captured.source_id, now=time.monotonic()):
            self._capture.discard(team_id=captured.team_id, source_id=captured.source_id, cause=cause, now=now)
            return
        try:
            await self._store(captured)
        except (CaptureFailed, Overloaded):
            self._capture.discard(team_id=captured.team_id, source_id=captured.source_id, cause=cause, now=now)

    async def _store(self, captured: CapturedRequest) -> None:
        """The source's own authentication has seen all headers. A reader of evidence must not get to act as others."""
        headers = await self._tokens.dropped_from(captured.headers)
        await self._capture.store(captured if headers is captured.headers else replace(captured, headers=headers))

    async def _look_again(self, slug: str) -> SourceEntry | None:
        """A source may be called right after the API made it: reads what is new before it says that there is none.

        Twice, because a refresh that others began may have read before the source was there.
        """
        for _ in range(2):
            if self._refresh is None or self._refresh.done():
                self._refresh = asyncio.create_task(self._refresh_once(after_s=_LOOK_AGAIN_S))
            await asyncio.shield(self._refresh)
            source = self._catalog.by_slug.get(slug)
            if source is not None:
                return source
        return None

    async def _keep_refreshed(self) -> None:
        while True:
            await self._refresh_once()
            await asyncio.sleep(_REFRESH_S)

    async def _refresh_once(self, *, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
        try:
            await sync_to_async(_refresh, thread_sensitive=False)(self._catalog, self._versions)
            self._ready.set()
            self._outage.over()
        except (psycopg.OperationalError, DatabaseError) as error:
            self._outage.failed("catalog.refresh_failed", error)
        except Exception:
            log.exception("catalog.refresh_failed")


def _refresh(catalog: SourceCatalog, versions: DataConnection) -> None:
    """Looks at the version on a connection of its own, since that is most of what an idle web process does."""
    version = versions.run(_read_version)
    try:
        catalog.refresh(version)
    finally:
        connection.close()


def _read_version(connection: Connection[Any]) -> int:
    row = connection.execute(CURRENT_VERSION_SQL).fetchone()
    assert row is not None
    return int(row[0])
