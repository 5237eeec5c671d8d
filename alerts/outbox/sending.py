"""The sender of notifications: claims a few at a time and records each result at once.

The client is that of deliveries: no redirects, and no address that deliveries may not dial.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
import structlog
from django.conf import settings

from alerts.models import ChannelType
from alerts.outbox.forms import Notice, http_request, mail
from alerts.outbox.rows import Claimed, Outcome, claim, finish
from connections.rules.retry import RETRY_AFTER_STATUSES, retry_after_ms
from destinations.outbound.address import AddressPolicy
from destinations.outbound.client import DeliveryClient
from destinations.outbound.result import SendResult
from fasthook.lib.clock import utc_now
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.model_fields import unseal
from fasthook.lib.sql import DataConnection
from teams.models import ProjectSecrets
from teams.secrets.catalog import read_signing_secrets

log = structlog.get_logger(__name__)

PAGE: Final = 8
AT_ONCE: Final = 4
TIMEOUT_S: Final = 10.0
KEPT_BODY_CHARACTERS: Final = 1000
# An address that must not be dialled, or that is none, stays so.
_HOPELESS: Final = frozenset({"ADDRESS_NOT_ALLOWED", "INVALID_URL"})


@dataclass(frozen=True, slots=True)
class _Ready:
    claimed: Claimed
    notice: Notice | Outcome


class Sender:
    """One per worker process. Its connection is opened when first used."""

    def __init__(self) -> None:
        self._database = DataConnection("alerts")
        self._busy = threading.Lock()

    def close(self) -> None:
        self._database.close()

    def drain(self, *, seconds: float, stopping: threading.Event) -> int:
        """Sends what is due, for about `seconds`; returns how many. At once 0 while another thread of the process is
        at it, so that slow receivers take up one thread of the worker and no more."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            return self._drain(seconds, stopping)
        finally:
            self._busy.release()

    def _drain(self, seconds: float, stopping: threading.Event) -> int:
        over_at = time.monotonic() + seconds
        sent = 0
        while not stopping.is_set() and time.monotonic() < over_at:
            page = self._database.run(claim, limit=PAGE, now=utc_now())
            if not page:
                break
            asyncio.run(self._send_page([_make_ready(each, now=utc_now()) for each in page]))
            sent += len(page)
        return sent

    async def _send_page(self, page: list[_Ready]) -> None:
        turn = asyncio.Semaphore(AT_ONCE)
        async with _client() as client:

            async def one(ready: _Ready) -> None:
                async with turn:
                    outcome = ready.notice if isinstance(ready.notice, Outcome) else await _try(client, ready.notice)
                    await asyncio.to_thread(self._record, ready.claimed, outcome)

            await asyncio.gather(*(one(ready) for ready in page))

    def _record(self, claimed: Claimed, outcome: Outcome) -> None:
        written = self._database.run(finish, claimed, outcome, now=utc_now())
        log.info(
            "notification.sent" if outcome.error_code is None else "notification.failed",
            notification_id=claimed.id,
            team_id=claimed.team_id,
            channel=claimed.channel_type,
            attempt=claimed.attempts,
            status=outcome.response_status,
            error_code=outcome.error_code,
            late=not written,
        )


async def _try(client: DeliveryClient, notice: Notice) -> Outcome:
    """One that cannot be made or sent for a reason that nobody foresaw must not stop the others, nor come for ever."""
    try:
        return await send(client, notice)
    except Exception as error:
        log.exception("notification.send_failed", notification_id=notice.id)
        return Outcome(error_code="INTERNAL_ERROR", error_message=type(error).__name__)


def send_now(notice: Notice) -> Outcome:
    """One try, at once: the test button. Not from a thread that has a running event loop."""

    async def one() -> Outcome:
        async with _client() as client:
            return await send(client, notice)

    return asyncio.run(one())


async def send(client: DeliveryClient, notice: Notice) -> Outcome:
    """One try. What the outside world does is an outcome."""
    if notice.channel_type == ChannelType.EMAIL:
        return await asyncio.to_thread(_send_mail, notice)
    now = utc_now()
    try:
        request = http_request(notice, now=now)
    except ValueError as error:
        return Outcome(error_code="INTERNAL_ERROR", error_message=str(error))
    return _outcome(await client.send(request, timeout_s=TIMEOUT_S), now=now)


def secrets_of(team_id: str, *, now: datetime) -> tuple[str, ...]:
    """What signs for the team now; empty when there is nothing, or its key is lost."""
    try:
        secrets = read_signing_secrets(team_id)
    except ProjectSecrets.DoesNotExist:
        return ()
    return secrets.at(now) if secrets else ()


def _make_ready(claimed: Claimed, *, now: datetime) -> _Ready:
    if not claimed.usable:
        gone = "the channel was disabled or deleted before this could be sent"
        return _Ready(claimed, Outcome(error_code="CHANNEL_DISABLED", error_message=gone, hopeless=True))
    try:
        config = unseal(claimed.config)
    except UndecryptableSecret as error:
        return _Ready(claimed, Outcome(error_code="INTERNAL_ERROR", error_message=str(error)))
    secrets = secrets_of(claimed.team_id, now=now) if claimed.channel_type == ChannelType.WEBHOOK else ()
    return _Ready(claimed, Notice(claimed.id, claimed.channel_type, config, orjson.loads(claimed.message), secrets))


def _send_mail(notice: Notice) -> Outcome:
    try:
        mail(notice).send()
    except Exception as error:  # smtplib, ssl, socket and backends of others raise what they like
        return Outcome(
            error_code="MAIL_FAILED", error_message=f"{type(error).__name__}: {error}"[:KEPT_BODY_CHARACTERS]
        )
    return Outcome()


def _outcome(result: SendResult, *, now: datetime) -> Outcome:
    retry_after = next((value for name, value in result.headers if name == "retry-after"), None)
    waits = result.status in RETRY_AFTER_STATUSES
    return Outcome(
        response_status=result.status,
        response_body=None if result.status is None else _storable(result.body),
        error_code=result.error_code,
        error_message=result.error_message,
        retry_after_s=retry_after_ms(retry_after, now=now) // 1000 if waits else 0,
        hopeless=result.error_code in _HOPELESS,
    )


def _storable(body: bytes) -> str:
    return body.decode("utf-8", "replace")[:KEPT_BODY_CHARACTERS].replace("\0", "\ufffd")


def _client() -> DeliveryClient:
    return DeliveryClient(AddressPolicy(settings.DELIVERY_ALLOWED_NETWORKS))
