"""The HTTP client of deliveries: one pool of kept-alive connections on one event loop, every outcome a value.

A reused connection may be closed by the receiver in the very moment a request leaves. When it breaks before any byte
of an answer the request is repeated at once: the race is of FastHook's making, so it costs no attempt, and the stable
event id lets the receiver drop a repeat. On a fresh connection nothing is ever repeated here.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import io
import logging
import socket
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from destinations.outbound.address import AddressPolicy
from destinations.outbound.answer import read_body, read_headers
from destinations.outbound.build import PreparedRequest
from destinations.outbound.error_codes import name_fault
from destinations.outbound.resolver import ThreadedNameResolver
from destinations.outbound.result import SendResult

CONNECT_TIMEOUT_S: Final = 5.0
# Below the 5 s after which common receivers (Node, uvicorn) close an idle connection.
KEEPALIVE_S: Final = 4.0
DNS_CACHE_S: Final = 30
MAX_REPEATS: Final = 2
# Well beyond what honest servers send: a long policy header must not turn a success into a failure.
MAX_ANSWER_LINE_BYTES: Final = 64 * 1024
MAX_ANSWER_HEADERS: Final = 512
# aiohttp writes bytes in one piece and warns above this size; a file-like body is written in chunks.
_LARGE_BODY_BYTES: Final = 1024 * 1024

_AUTO_HEADERS: Final = ("accept", "accept-encoding", "content-type", "user-agent")

logger = logging.getLogger(__name__)


class _Disconnected(aiohttp.ClientError):
    """A connection that broke before an answer began; not one of the errors that aiohttp itself repeats."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(slots=True)
class _Dial:
    """What the socket factory did for one request: it runs deep inside aiohttp, in tasks that share the context."""

    opened: bool = False
    refusal: str | None = None


_dial: contextvars.ContextVar[_Dial] = contextvars.ContextVar("destinations.outbound.dial")


class DeliveryClient:
    """Create it on the running loop it is used on, `async with` or `close` it. Any number of sends at once."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`ssl_context` replaces the system's trust store."""
        self._policy = policy
        self._connect_timeout_s = connect_timeout_s
        # Less than connecting may take as a whole, so that a slow name is reported as such.
        self._resolver = ThreadedNameResolver(timeout_s=0.8 * connect_timeout_s)
        connector = aiohttp.TCPConnector(
            limit=0,
            resolver=self._resolver,
            ttl_dns_cache=DNS_CACHE_S,
            keepalive_timeout=KEEPALIVE_S,
            socket_factory=self._open_socket,
            ssl=ssl_context or ssl.create_default_context(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_AUTO_HEADERS,
            max_line_size=MAX_ANSWER_LINE_BYTES,
            max_field_size=MAX_ANSWER_LINE_BYTES,
            max_headers=MAX_ANSWER_HEADERS,
            middlewares=(_mark_disconnects,),
        )
        self._timeout_for = functools.lru_cache(maxsize=128)(self._make_timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()
        await self._resolver.close()

    async def send(self, prepared: PreparedRequest, *, timeout_s: float) -> SendResult:
        """Send one request; never raises but for cancellation. `timeout_s` bounds everything, repeats included."""
        started = time.perf_counter()
        try:
            url = URL(prepared.url, encoded=True)
            # yarl takes the port apart only when asked.
            _ = url.port
        except ValueError:
            return _failure("INVALID_URL", "the destination's URL cannot be called", started=started)
        deadline_s = started + timeout_s
        for _ in range(MAX_REPEATS):
            result = await self._send_once(prepared, url, timeout_s=timeout_s, started=started)
            if result is not None:
                return result
            timeout_s = max(deadline_s - time.perf_counter(), 0.001)
        last = await self._send_once(prepared, url, timeout_s=timeout_s, started=started, is_last=True)
        assert last is not None
        return last

    async def _send_once(
        self, prepared: PreparedRequest, url: URL, *, timeout_s: float, started: float, is_last: bool = False
    ) -> SendResult | None:
        """None asks for a repeat: a reused connection turned out to be closed."""
        dial = _Dial()
        token = _dial.set(dial)
        try:
            return await self._exchange(prepared, url, timeout_s=timeout_s, started=started)
        except _Disconnected as disconnect:
            if not dial.opened and not is_last:
                return None
            return _failure(*name_fault(disconnect.cause), started=started)
        except asyncio.CancelledError:
            raise
        except Exception as fault:
            # `opened` first: a name may lead to refused and to allowed addresses, and then an allowed one was tried.
            if dial.refusal is not None and not dial.opened:
                return _failure("ADDRESS_NOT_ALLOWED", dial.refusal, started=started)
            code, message = name_fault(fault)
            if code == "INTERNAL_ERROR":
                logger.exception("delivery.send_failed")
            return _failure(code, message, started=started)
        finally:
            _dial.reset(token)

    async def _exchange(self, prepared: PreparedRequest, url: URL, *, timeout_s: float, started: float) -> SendResult:
        body: bytes | io.BytesIO | None = prepared.body or None
        if len(prepared.body) > _LARGE_BODY_BYTES:
            body = io.BytesIO(prepared.body)
        async with self._session.request(
            prepared.method,
            url,
            headers=prepared.headers,
            data=body,
            allow_redirects=False,
            timeout=self._timeout_for(timeout_s),
        ) as response:
            answer = await read_body(response)
        status = response.status
        code: str | None = None
        message: str | None = None
        if answer.fault is not None:
            code, message = name_fault(answer.fault)
        elif not 200 <= status <= 299:
            code, message = "BAD_RESPONSE", f"the destination answered {status}"
        return SendResult(
            status=status,
            headers=read_headers(response),
            body=answer.content,
            latency_ms=_elapsed_ms(started),
            error_code=code,
            error_message=message,
        )

    def _make_timeout(self, timeout_s: float) -> aiohttp.ClientTimeout:
        # Without its ceiling aiohttp rounds every timeout over 5 s up to a whole second of the clock.
        return aiohttp.ClientTimeout(
            total=timeout_s, connect=min(self._connect_timeout_s, timeout_s), ceil_threshold=3600
        )

    def _open_socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """The only door to the network: every connection is checked here, for the very address that it dials."""
        family, kind, protocol, _, address = address_info
        dial = _dial.get()
        reason = self._policy.refusal(address[0])
        if reason is not None:
            dial.refusal = f"{address[0]} must not be dialled: {reason}"
            raise PermissionError(dial.refusal)
        dial.opened = True
        return socket.socket(family, kind, protocol)


async def _mark_disconnects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """aiohttp would repeat idempotent methods on any connection; here only `send` decides about repeats."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ServerDisconnectedError as fault:
        # Anything but a sentence is the beginning of an answer.
        if isinstance(fault.message, str):
            raise _Disconnected(fault) from fault
        raise aiohttp.ClientPayloadError("the answer broke off in its header") from fault
    except aiohttp.ClientOSError as fault:
        raise _Disconnected(fault) from fault


def _failure(code: str, message: str, *, started: float) -> SendResult:
    return SendResult(
        status=None,
        headers=(),
        body=b"",
        latency_ms=_elapsed_ms(started),
        error_code=code,
        error_message=message,
    )


def _elapsed_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
