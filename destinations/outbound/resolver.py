"""The DNS resolver of deliveries, in threads of its own: a slow name blocks neither the loop's executor nor other
names.

A name has at most one lookup running, however often and however impatiently it is asked for: a dead name keeps one
thread, not all of them. Whether an address may be dialled is not decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

RESOLVER_THREADS: Final = 32

_Lookup = asyncio.Future[list[tuple[Any, ...]]]


class ThreadedNameResolver(AbstractResolver):
    def __init__(self, *, timeout_s: float, threads: int = RESOLVER_THREADS) -> None:
        self._timeout_s = timeout_s
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="resolve")
        self._running: dict[tuple[str, int, int], _Lookup] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError (gaierror among them) when the name has no address or takes longer than the timeout."""
        lookup = self._lookup(host, port, family)
        try:
            found = await asyncio.wait_for(asyncio.shield(lookup), self._timeout_s)
        except TimeoutError:
            raise OSError(None, f"no answer from DNS within {self._timeout_s:g} s") from None
        results: list[ResolveResult] = []
        for address_family, _, protocol, _, address in found:
            ip = str(address[0])
            if address_family == socket.AF_INET6 and address[3] and "%" not in ip:
                ip = f"{ip}%{address[3]}"
            results.append(
                ResolveResult(
                    hostname=host,
                    host=ip,
                    port=address[1],
                    family=address_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    def _lookup(self, host: str, port: int, family: socket.AddressFamily) -> _Lookup:
        key = (host, port, int(family))
        lookup = self._running.get(key)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._executor, _getaddrinfo, host, port, family)
            self._running[key] = lookup
            lookup.add_done_callback(lambda done: self._forget(key, done))
        return lookup

    def _forget(self, key: tuple[str, int, int], done: _Lookup) -> None:
        self._running.pop(key, None)
        # Everybody who waited may have left: an unread exception would be logged as lost.
        with contextlib.suppress(asyncio.CancelledError):
            done.exception()

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(found)
