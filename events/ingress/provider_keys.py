"""Certificates and key sets that verifiers need from providers: fetched once, kept, and bounded in every direction.

A document is fetched by the client that deliveries use, so private addresses and redirects are out of reach, and only
from hosts that the verifier itself has checked. What a caller can make this do: wait three seconds, and cause a bounded
number of fetches a minute. Whoever gets no document here answers 503, and the provider sends again.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from destinations.outbound.address import AddressPolicy
from destinations.outbound.answer import KEPT_BODY_BYTES
from destinations.outbound.build import USER_AGENT, PreparedRequest
from destinations.outbound.client import DeliveryClient
from sources.verification.verdict import KeyRequest

log = structlog.get_logger(__name__)

WAIT_S: Final = 3.0
KEPT_S: Final = 3600.0
# A failure is remembered for a moment, so that a burst does not ask a provider that is down for each of its requests.
FAILED_S: Final = 5.0
KEPT_DOCUMENTS: Final = 256
KEPT_FAILURES: Final = 1024
FETCHES_PER_DOMAIN_AND_MINUTE: Final = 30
AT_ONCE: Final = 16

Fetch = Callable[[KeyRequest], Awaitable[bytes | None]]


class DocumentUnavailable(Exception):
    """The document is not there, and could not be fetched now."""


@dataclass(frozen=True, slots=True)
class _Kept:
    document: bytes
    until: float


class ProviderDocuments:
    """One per web process, used on its loop. `fetch` answers None when there is nothing to be had."""

    def __init__(self, fetch: Fetch | None = None) -> None:
        self._fetcher = _Fetcher()
        self._fetch = fetch or self._fetcher.fetch
        self._kept: OrderedDict[KeyRequest, _Kept] = OrderedDict()
        self._failed_until: OrderedDict[KeyRequest, float] = OrderedDict()
        self._fetching: dict[KeyRequest, asyncio.Task[bytes | None]] = {}
        self._budget = _Budget()

    async def close(self) -> None:
        for task in self._fetching.values():
            task.cancel()
        await self._fetcher.close()

    async def get(self, request: KeyRequest) -> bytes:
        """The document, from memory or within WAIT_S. An old one is better than none. DocumentUnavailable."""
        now = time.monotonic()
        kept = self._kept.get(request)
        if kept is not None and now < kept.until:
            self._kept.move_to_end(request)
            return kept.document
        task = self._start(request, now=now)
        document = await _wait(task) if task is not None else None
        if document is None and kept is not None:
            document = kept.document
        return _or_unavailable(document)

    async def confirm(self, url: str) -> None:
        """Calls a URL that the provider wants called. DocumentUnavailable when it does not answer 2xx."""
        if not self._budget.allows(_domain(url), now=time.monotonic()):
            raise DocumentUnavailable
        _or_unavailable(await _wait(asyncio.ensure_future(self._fetch(KeyRequest(url)))))

    def _start(self, request: KeyRequest, *, now: float) -> asyncio.Task[bytes | None] | None:
        running = self._fetching.get(request)
        if running is not None:
            return running
        if now < self._failed_until.get(request, 0.0):
            return None
        domain = _domain(request.url)
        if len(self._fetching) >= AT_ONCE or not self._budget.allows(domain, now=now):
            log.warning("provider_document.refused", domain=domain)
            return None
        task = asyncio.create_task(self._fetch_and_keep(request))
        self._fetching[request] = task
        task.add_done_callback(lambda _: self._fetching.pop(request, None))
        return task

    async def _fetch_and_keep(self, request: KeyRequest) -> bytes | None:
        document = await self._fetch(request)
        now = time.monotonic()
        # Apart: what callers make up must not push out what is good.
        if document is not None:
            self._kept[request] = _Kept(document, now + KEPT_S)
            _shorten(self._kept, KEPT_DOCUMENTS)
        else:
            self._failed_until[request] = now + FAILED_S
            _shorten(self._failed_until, KEPT_FAILURES)
        return document


class _Budget:
    """How often a domain may still be asked in this minute, whatever callers make up."""

    def __init__(self) -> None:
        self._minute = -1
        self._used: dict[str, int] = {}

    def allows(self, domain: str, *, now: float) -> bool:
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._used = minute, {}
        used = self._used.get(domain, 0)
        self._used[domain] = used + 1
        return used < FETCHES_PER_DOMAIN_AND_MINUTE


class _Fetcher:
    """Asks over the network; its client is made when the first document is wanted."""

    def __init__(self) -> None:
        self._client: DeliveryClient | None = None

    async def fetch(self, request: KeyRequest) -> bytes | None:
        if self._client is None:
            self._client = DeliveryClient(AddressPolicy(settings.DELIVERY_ALLOWED_NETWORKS))
        prepared = PreparedRequest(
            method=request.method,
            url=request.url,
            headers=(("user-agent", USER_AGENT), *request.headers),
            body=request.body,
        )
        result = await self._client.send(prepared, timeout_s=WAIT_S)
        # A document that was cut off is none.
        complete = result.error_code is None and len(result.body) < KEPT_BODY_BYTES
        host = urlsplit(request.url).hostname
        log.info("provider_document.fetched", host=host, status=result.status, error_code=result.error_code)
        return result.body if complete else None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _or_unavailable(document: bytes | None) -> bytes:
    if document is None:
        raise DocumentUnavailable
    return document


async def _wait(task: asyncio.Future[bytes | None]) -> bytes | None:
    """The fetch goes on when this caller has waited long enough: the next one finds its document."""
    done, _ = await asyncio.wait([task], timeout=WAIT_S)
    return task.result() if done and not task.cancelled() else None


def _domain(url: str) -> str:
    """Regions are host names that callers may invent: they share what their domain may be asked."""
    return ".".join((urlsplit(url).hostname or "").split(".")[-2:])


def _shorten(kept: OrderedDict[KeyRequest, Any], limit: int) -> None:
    while len(kept) > limit:
        kept.popitem(last=False)
