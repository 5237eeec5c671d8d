"""Authentication of a call by its source's verifier, with what its verdict needs before the answer: a document fetched,
a subscription confirmed, a secret stored. If that cannot be done now the answer is 503, and the provider sends again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

from events.ingress.capture import CaptureFailed
from events.ingress.provider_keys import DocumentUnavailable, ProviderDocuments
from sources.catalog import SourceEntry
from sources.services import learn_secret
from sources.verification.request import InboundRequest
from sources.verification.verdict import UNVERIFIED, RemoteKeyVerifier, Verdict, refused

log = structlog.get_logger(__name__)


class TryAgain(Exception):
    """Nothing is decided; the message says to the caller what is missing."""


class Authentication:
    """One per web process. `refresh` brings its catalog up to date, so that a secret is in use when it is answered."""

    def __init__(self, refresh: Callable[[], Awaitable[None]], documents: ProviderDocuments | None = None) -> None:
        self._refresh = refresh
        self._documents = documents or ProviderDocuments()

    async def close(self) -> None:
        await self._documents.close()

    async def judge(self, source: SourceEntry, request: InboundRequest | None) -> Verdict:
        """TryAgain, CaptureFailed. Without a verifier nothing is looked at."""
        if source.verifier is None or request is None:
            return UNVERIFIED
        now = time.time()
        verdict = source.verifier.verify(request, now=now)
        if verdict.wants is not None and isinstance(source.verifier, RemoteKeyVerifier):
            try:
                document = await self._documents.get(verdict.wants)
            except DocumentUnavailable:
                raise TryAgain("the provider's key cannot be fetched now; send it again") from None
            verdict = source.verifier.verify_with(request, document, now=now)
        if verdict.confirm_url is not None:
            await self._confirm(source, verdict.confirm_url)
        if verdict.learned_secret is not None:
            verdict = await self._learn(source, verdict, verdict.learned_secret)
        return verdict

    async def _confirm(self, source: SourceEntry, url: str) -> None:
        try:
            await self._documents.confirm(url)
        except DocumentUnavailable:
            log.warning("subscription.confirm_failed", source_id=source.id)
            raise TryAgain("the subscription cannot be confirmed now; send it again") from None
        log.info("subscription.confirmed", source_id=source.id)

    async def _learn(self, source: SourceEntry, verdict: Verdict, secret: str) -> Verdict:
        try:
            learned = await sync_to_async(_store_secret, thread_sensitive=False)(source.id, secret)
        except DatabaseError as error:
            log.error("source.secret_not_stored", source_id=source.id, error=str(error))
            raise CaptureFailed(str(error)) from None
        if not learned:
            return replace(refused("this source has its secret already"), hidden_headers=verdict.hidden_headers)
        await self._refresh()
        log.info("source.secret_learned", source_id=source.id)
        return replace(verdict, learned_secret=None)


def _store_secret(source_id: str, secret: str) -> bool:
    try:
        return learn_secret(source_id, secret)
    finally:
        connection.close()
