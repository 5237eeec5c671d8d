"""Test sends: one request to a destination, built and sent as delivery does it, and the response.

No evidence, no queue, no retry: what is kept is an entry of the audit log. How many run at once is bounded here, for
each web process; who may ask is the API's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import structlog
from django.conf import settings
from django.db import transaction

from destinations.catalog import DestinationEntry, read_destination
from destinations.models import Destination
from destinations.outbound.address import AddressPolicy
from destinations.outbound.auth.access_tokens import AccessTokens
from destinations.outbound.auth.oauth2 import TokenFault
from destinations.outbound.build import DeliveryContext, Payload, PreparedRequest
from destinations.outbound.client import DeliveryClient
from destinations.outbound.headers import is_owned
from destinations.outbound.redaction import redacted
from destinations.outbound.result import SendResult
from fasthook.lib.clock import iso, utc_now
from fasthook.lib.config_fields import is_token
from fasthook.lib.errors import Conflict, FastHookError, invalid
from fasthook.lib.ids import new_id
from teams.audit.log import record
from teams.auth.credentials import Actor
from teams.models import ProjectSecrets, Team
from teams.scoping import for_team, get_for_team
from teams.secrets.catalog import read_signing_secrets

log = structlog.get_logger(__name__)

# In x-fasthook-attempt-trigger: no attempt of an event says this.
TRIGGER: Final = "TEST"
# The name of the source and of the connection that there is none of.
NO_ROUTE: Final = "test"
# A call waits for the answer: not as long as a delivery may.
MAX_TIMEOUT_S: Final = 30.0
AT_ONCE: Final = 4
RETRY_AFTER_S: Final = 5


class TooManyTests(FastHookError):
    status = 429
    code = "TOO_MANY_REQUESTS"


@dataclass(frozen=True, slots=True)
class SentTest:
    """`shown` is what was sent, the destination's credentials masked; None when nothing could be made of it."""

    destination_id: str
    shown: PreparedRequest | None
    sent: SendResult


class _Turns:
    """At most AT_ONCE tests at once, and one for each destination: a hanging receiver takes up one thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    @contextmanager
    def take(self, destination_id: str) -> Iterator[None]:
        with self._lock:
            if destination_id in self._busy or len(self._busy) >= AT_ONCE:
                raise TooManyTests(
                    "a test of this destination, or of too many others, is under way; wait a little",
                    headers={"Retry-After": str(RETRY_AFTER_S)},
                )
            self._busy.add(destination_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.remove(destination_id)


_turns = _Turns()


def send_test(actor: Actor, team: Team, destination_id: str, *, given: Mapping[str, Any], now: datetime) -> SentTest:
    """Sends one request with `given["body"]` and `given["headers"]`, each with a default, whatever comes back.

    NotFound; Conflict DESTINATION_DISABLED; InvalidInput naming `headers.<name>`; TooManyTests. Not from a thread that
    has a running event loop.
    """
    row = get_for_team(for_team(Destination, team), destination_id)
    if row.disabled_at is not None:
        raise Conflict("the destination is disabled; enable it first", code="DESTINATION_DISABLED", data={"id": row.id})
    payload = _payload(row, given, now=now)
    with _turns.take(row.id):
        with transaction.atomic():
            record(actor, "destination.tested", row)
        sent_test = asyncio.run(_send(read_destination(row.id), payload, _secrets(team, now=now)))
    log.info(
        "destination.tested",
        team_id=team.id,
        destination_id=row.id,
        status=sent_test.sent.status,
        error_code=sent_test.sent.error_code,
    )
    return sent_test


def _payload(row: Destination, given: Mapping[str, Any], *, now: datetime) -> Payload:
    default = {"type": "fasthook.test", "destination": {"id": row.id, "name": row.name}, "created_at": iso(now)}
    body = given.get("body", default)
    headers = _read_headers(given.get("headers", {}))
    if body is not None and not isinstance(body, str) and all(name != "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    content = b"" if body is None else body.encode() if isinstance(body, str) else orjson.dumps(body)
    return Payload(method="POST", path="", query="", headers=headers, body=content)


def _read_headers(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = []
    for name, value in given.items():
        at = f"headers.{name[:100]}"
        if not is_token(name):
            raise invalid(at, "is not a header name")
        if is_owned(name.lower()):
            raise invalid(at, "is written by FastHook itself; leave it out")
        if not isinstance(value, str):
            raise invalid(at, "must be a string")
        headers.append((name.lower(), value))
    return headers


def _secrets(team: Team, *, now: datetime) -> tuple[str, ...]:
    """Empty when there is nothing to sign with, or its key is lost: what needs them then fails, saying so."""
    try:
        secrets = read_signing_secrets(team.id)
    except ProjectSecrets.DoesNotExist:
        return ()
    return secrets.at(now) if secrets else ()


async def _send(destination: DestinationEntry, payload: Payload, secrets: tuple[str, ...]) -> SentTest:
    target, timeout_s = destination.target, min(destination.timeout_s, MAX_TIMEOUT_S)
    if target is None:
        return _unsent(destination, "INTERNAL_ERROR", destination.fault or "the destination cannot be used")
    began = time.monotonic()
    async with DeliveryClient(AddressPolicy(settings.DELIVERY_ALLOWED_NETWORKS)) as client:
        token: str | TokenFault | None = None
        if target.grant is not None:
            tokens = AccessTokens(client)
            try:
                token = await tokens.get(target.grant, timeout_s=timeout_s)
            finally:
                await tokens.close()
        if isinstance(token, TokenFault):
            return _unsent(destination, "OAUTH2_FAILED", token.message)
        try:
            request = target.build(payload, _context(secrets, token), now=utc_now().timestamp())
        except ValueError as error:
            return _unsent(destination, "INTERNAL_ERROR", str(error))
        left_s = max(timeout_s - (time.monotonic() - began), 0.1)
        sent = await client.send(request, timeout_s=left_s)
    shown = target.masked(request)
    return SentTest(destination.id, shown, redacted(sent, request=request, shown=shown))


def _context(secrets: tuple[str, ...], token: str | None) -> DeliveryContext:
    return DeliveryContext(
        event_id=new_id("evt"),
        request_id=new_id("req"),
        attempt_number=1,
        attempt_trigger=TRIGGER,
        source_name=NO_ROUTE,
        connection_name=NO_ROUTE,
        signing_secrets=secrets,
        access_token=token,
    )


def _unsent(destination: DestinationEntry, code: str, message: str) -> SentTest:
    return SentTest(destination.id, None, SendResult(None, (), b"", 0, code, message))
