"""Certificates and key sets: fetched once, kept, and never fetched more often than the bounds allow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from events.ingress import provider_keys
from events.ingress.provider_keys import (
    FETCHES_PER_DOMAIN_AND_MINUTE,
    KEPT_DOCUMENTS,
    KEPT_S,
    DocumentUnavailable,
    ProviderDocuments,
)
from sources.verification.verdict import KeyRequest

KEY = KeyRequest("https://keys.provider.test/1.pem")


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(provider_keys.time, "monotonic", lambda: self.now)


class Provider:
    """Answers each request with its URL, or with what `answers` says; waits for `gate` if there is one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes | None] = {}
        self.gate: asyncio.Event | None = None

    async def fetch(self, request: KeyRequest) -> bytes | None:
        self.asked.append(request.url)
        if self.gate is not None:
            await self.gate.wait()
        return self.answers.get(request.url, request.url.encode())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def run(work: Callable[[ProviderDocuments, Provider], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        provider = Provider()
        return await work(ProviderDocuments(provider.fetch), provider)

    return asyncio.run(inside())


async def outcome(documents: ProviderDocuments, request: KeyRequest = KEY) -> bytes | None:
    try:
        return await documents.get(request)
    except DocumentUnavailable:
        return None


def test_a_document_is_fetched_once_and_again_when_it_is_old(clock: Clock) -> None:
    async def work(documents: ProviderDocuments, provider: Provider) -> list[int]:
        counts = []
        for step_s in (0.0, KEPT_S - 1, 2.0):
            clock.now += step_s
            assert await outcome(documents) == KEY.url.encode()
            counts.append(len(provider.asked))
        return counts

    assert run(work) == [1, 1, 2]


def test_callers_at_once_share_one_fetch(clock: Clock) -> None:
    async def work(documents: ProviderDocuments, provider: Provider) -> int:
        assert set(await asyncio.gather(*(outcome(documents) for _ in range(20)))) == {KEY.url.encode()}
        return len(provider.asked)

    assert run(work) == 1


def test_a_failure_is_remembered_for_a_moment(clock: Clock) -> None:
    async def work(documents: ProviderDocuments, provider: Provider) -> list[Any]:
        provider.answers[KEY.url] = None
        seen: list[Any] = [await outcome(documents), await outcome(documents), len(provider.asked)]
        clock.now += provider_keys.FAILED_S + 0.1
        del provider.answers[KEY.url]
        return [*seen, await outcome(documents)]

    assert run(work) == [None, None, 1, KEY.url.encode()]


def test_an_old_document_is_better_than_none(clock: Clock) -> None:
    async def work(documents: ProviderDocuments, provider: Provider) -> list[Any]:
        first = await outcome(documents)
        provider.answers[KEY.url] = None
        clock.now += KEPT_S + 1
        return [first, await outcome(documents), len(provider.asked)]

    assert run(work) == [KEY.url.encode(), KEY.url.encode(), 2]


def test_a_slow_provider_holds_a_caller_only_so_long_and_its_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_keys, "WAIT_S", 0.01)

    async def work(documents: ProviderDocuments, provider: Provider) -> list[Any]:
        provider.gate = asyncio.Event()
        first = await outcome(documents)
        provider.gate.set()
        await asyncio.gather(*documents._fetching.values())
        return [first, await outcome(documents), len(provider.asked)]

    assert run(work) == [None, KEY.url.encode(), 1]


def test_invented_hosts_share_what_their_domain_may_be_asked(clock: Clock) -> None:
    async def work(documents: ProviderDocuments, provider: Provider) -> list[Any]:
        known = KeyRequest("https://sns.real.amazonaws.test/1.pem")
        await outcome(documents, known)
        for number in range(2 * FETCHES_PER_DOMAIN_AND_MINUTE):
            await outcome(documents, KeyRequest(f"https://sns.made-up-{number}.amazonaws.test/1.pem"))
        asked = len(provider.asked)
        still_known = await outcome(documents, known)
        elsewhere = await outcome(documents)
        clock.now += 60
        return [asked, still_known, elsewhere, await outcome(documents, KeyRequest("https://x.amazonaws.test/"))]

    asked, still_known, elsewhere, later = run(work)
    assert asked == FETCHES_PER_DOMAIN_AND_MINUTE
    assert None not in (still_known, elsewhere, later)


def test_what_is_kept_is_bounded(clock: Clock) -> None:
    async def work(documents: ProviderDocuments, provider: Provider) -> int:
        for number in range(KEPT_DOCUMENTS + 20):
            await outcome(documents, KeyRequest(f"https://keys.provider{number}.test/"))
        return len(documents._kept)

    assert run(work) == KEPT_DOCUMENTS


def test_a_key_on_a_private_address_is_not_fetched(settings: Any) -> None:
    settings.DELIVERY_ALLOWED_NETWORKS = []

    async def inside() -> bytes | None:
        documents = ProviderDocuments()
        try:
            return await outcome(documents, KeyRequest("http://127.0.0.1:9/keys"))
        finally:
            await documents.close()

    assert asyncio.run(inside()) is None
