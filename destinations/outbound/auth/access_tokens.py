"""Access tokens of OAUTH2_CLIENT_CREDENTIALS destinations: asked for when first needed, kept until they expire.

However many deliveries wait for one grant, one request is under way. It goes out through the delivery client, since
a token URL is as little to be trusted as any other. One instance belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from destinations.outbound.auth.oauth2 import ClientCredentials, GrantedToken, TokenFault, read_token, token_request
from destinations.outbound.build import USER_AGENT, PreparedRequest
from destinations.outbound.result import SendResult

FETCH_TIMEOUT_S: Final = 10.0
# Deliveries that fail meanwhile say what the endpoint said, instead of asking it again each.
FAULT_KEPT_S: Final = 3.0
# A receiver that refuses the new token as well does not mean the token: it is not replaced again before this.
REJECTION_PAUSE_S: Final = 10.0
MAX_GRANTS: Final = 1024


class Sender(Protocol):
    async def send(self, prepared: PreparedRequest, *, timeout_s: float) -> SendResult: ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a grant until `until`, on the clock."""

    answer: GrantedToken | TokenFault
    until: float


class AccessTokens:
    """`get` a token, `reject` it when the destination answers 401, `close` at the end."""

    def __init__(self, sender: Sender, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sender = sender
        self._clock = clock
        self._known: OrderedDict[ClientCredentials, _Known] = OrderedDict()
        self._rejected_at: OrderedDict[ClientCredentials, float] = OrderedDict()
        self._asking: dict[ClientCredentials, asyncio.Task[GrantedToken | TokenFault]] = {}

    async def get(self, grant: ClientCredentials, *, timeout_s: float) -> str | TokenFault:
        """The token, or why there is none. `timeout_s` bounds this caller's wait; the request goes on for others."""
        known = self._known.get(grant)
        if known is not None and known.until > self._clock():
            self._known.move_to_end(grant)
            return _value(known.answer)
        task = self._asking.get(grant)
        if task is None:
            task = self._asking[grant] = asyncio.create_task(self._ask(grant))
            task.add_done_callback(lambda _: self._asking.pop(grant, None))
        try:
            return _value(await asyncio.wait_for(asyncio.shield(task), timeout_s))
        except TimeoutError:
            return TokenFault("the token endpoint did not answer in time")

    def reject(self, grant: ClientCredentials, token: str) -> None:
        """The destination refused this token: the next `get` asks for another, once in a while.

        Deliveries that were under way with a token that has been replaced since change nothing.
        """
        known, now = self._known.get(grant), self._clock()
        if known is None or not isinstance(known.answer, GrantedToken) or known.answer.value != token:
            return
        if now - self._rejected_at.get(grant, float("-inf")) < REJECTION_PAUSE_S:
            return
        del self._known[grant]
        self._rejected_at[grant] = now
        _keep_newest(self._rejected_at, grant)

    async def close(self) -> None:
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, grant: ClientCredentials) -> GrantedToken | TokenFault:
        headers, body = token_request(grant)
        own = (("user-agent", USER_AGENT), ("accept-encoding", "identity"))
        request = PreparedRequest(method="POST", url=grant.token_url, headers=(*headers, *own), body=body)
        asked_at = self._clock()
        sent = await self._sender.send(request, timeout_s=FETCH_TIMEOUT_S)
        answer = _read(sent, grant)
        # A token's life is counted from before it was made.
        until = asked_at + answer.usable_s if isinstance(answer, GrantedToken) else self._clock() + FAULT_KEPT_S
        self._known[grant] = _Known(answer, until)
        _keep_newest(self._known, grant)
        return answer


def _read(sent: SendResult, grant: ClientCredentials) -> GrantedToken | TokenFault:
    if sent.status is not None and sent.error_code in (None, "BAD_RESPONSE"):
        return read_token(sent.status, sent.body, grant=grant)
    # The client's own sentences, which are written for deliveries.
    message = (sent.error_message or "it could not be asked").replace("the destination", "the token endpoint")
    return TokenFault(f"no access token: {message}")


def _value(answer: GrantedToken | TokenFault) -> str | TokenFault:
    return answer.value if isinstance(answer, GrantedToken) else answer


def _keep_newest(entries: OrderedDict[ClientCredentials, Any], newest: ClientCredentials) -> None:
    entries.move_to_end(newest)
    while len(entries) > MAX_GRANTS:
        entries.popitem(last=False)
