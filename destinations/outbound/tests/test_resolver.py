"""Slow names neither hold one another nor pile up."""

import asyncio
import socket
import threading

import pytest

from destinations.outbound import resolver as resolver_module
from destinations.outbound.resolver import ThreadedNameResolver


@pytest.fixture
def dns(monkeypatch):
    """Names under slow.example block until the fixture ends; every lookup is counted."""
    release = threading.Event()
    lookups = []

    def lookup(host, port, family):
        lookups.append(host)
        if host.endswith("slow.example"):
            release.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(resolver_module, "_getaddrinfo", lookup)
    yield lookups
    release.set()


def test_a_slow_name_fails_by_itself_and_keeps_one_thread(dns):
    async def run():
        resolver = ThreadedNameResolver(timeout_s=0.05, threads=2)
        for _ in range(5):
            with pytest.raises(OSError, match=r"no answer from DNS within 0\.05 s"):
                await resolver.resolve("slow.example", 443)
        found = await resolver.resolve("quick.example", 443)
        await resolver.close()
        return found

    found = asyncio.run(run())
    assert [entry["host"] for entry in found] == ["192.0.2.1"]
    assert dns == ["slow.example", "quick.example"]


def test_a_finished_lookup_is_not_kept(dns):
    async def run():
        resolver = ThreadedNameResolver(timeout_s=5, threads=2)
        await resolver.resolve("quick.example", 443)
        await resolver.resolve("quick.example", 443)
        await resolver.close()

    asyncio.run(run())
    assert dns == ["quick.example", "quick.example"]
