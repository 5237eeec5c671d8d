"""Product tokens: API keys and session tokens of this installation, dropped from what ingress stores.

Their digests say whose they are, not their prefix. Only what has the form of a token is looked up, for all callers that
wait in one statement, and one statement at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import psycopg

from events.ingress.body import Overloaded
from events.ingress.capture import CaptureFailed
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection
from teams.auth.known_tokens import find_known_tokens, possible_tokens

WAIT_S: Final = 3.0
MAX_WAITING: Final = 10_000
# RFC 9110, 11.6.2 and 11.7.2: both carry a scheme and its credentials.
_CARRIERS: Final = frozenset({"authorization", "proxy-authorization"})

Headers = Sequence[tuple[str, str]]


class ProductTokens:
    """One per web process, used on its loop; `database` may be shared with what asks little."""

    def __init__(self, database: DataConnection) -> None:
        self._database = database
        self._waiting: set[str] = set()
        self._next: asyncio.Task[set[str]] | None = None
        self._turn = asyncio.Lock()
        self._outage = Outage(restored="token_lookup.restored")

    async def dropped_from(self, headers: Headers) -> Headers:
        """The same headers, or those that carry no token of ours. CaptureFailed or Overloaded when nobody can say."""
        suspects = {pair: possible_tokens(pair[1]) for pair in headers if pair[0] in _CARRIERS}
        digests = set[str]().union(*suspects.values())
        if not digests:
            return headers
        known = await self._known(digests)
        return [pair for pair in headers if known.isdisjoint(suspects.get(pair, ()))] if known else headers

    async def _known(self, digests: set[str]) -> set[str]:
        if len(self._waiting) + len(digests) > MAX_WAITING:
            raise Overloaded
        self._waiting |= digests
        if self._next is None:
            self._next = asyncio.create_task(self._look_up())
        try:
            async with asyncio.timeout(WAIT_S):
                found = await asyncio.shield(self._next)
        except (psycopg.Error, TimeoutError) as error:
            self._outage.failed("token_lookup.failed", error)
            raise CaptureFailed(str(error)) from None
        self._outage.over()
        return digests & found

    async def _look_up(self) -> set[str]:
        """Whoever comes while another statement runs is in the next one."""
        async with self._turn:
            digests, self._waiting, self._next = self._waiting, set(), None
            return await asyncio.to_thread(self._database.run, find_known_tokens, sorted(digests))
