"""The first attempt that a dry run would lead to: method, URL, headers and body, credentials masked."""

from __future__ import annotations

from typing import Any

from connections.models import Connection
from connections.sandbox.jobs import Message
from connections.transformations.code_run import message_answer
from destinations.outbound.build import DeliveryContext, Payload
from events.preview.dry_run import DryRun
from events.states import Trigger
from fasthook.lib.clock import utc_now
from fasthook.lib.headers import merge_headers
from sources.catalog import read_source
from teams.secrets.catalog import read_signing_secrets

# In place of an access token, which is got when something is sent.
NO_TOKEN = "***"  # noqa: S105


def preview_delivery(connection: Connection, ran: DryRun, message: Message) -> dict[str, Any] | None:
    """None where nothing can be sent: credentials or signing secret are under a lost key."""
    target, secrets = ran.destination.target, read_signing_secrets(connection.team_id)
    if target is None or secrets is None:
        return None
    now = utc_now()
    source = read_source(connection.source_id)
    payload = Payload(
        method=message.method,
        path=message.path,
        query=message.query,
        headers=[(name, value) for name, value in message.headers],
        body=message.body,
        strip_headers=source.verifier.credential_headers if source.verifier else frozenset(),
    )
    context = DeliveryContext(
        event_id=ran.branch.event_id,
        request_id=ran.branch.request.id,
        attempt_number=1,
        attempt_trigger=Trigger.INITIAL,
        source_name=connection.source.name,
        connection_name=connection.name,
        signing_secrets=secrets.at(now),
        access_token=NO_TOKEN,
    )
    shown = target.masked(target.build(payload, context, now=now.timestamp()))
    body = message_answer(Message(shown.method, "", "", (), shown.body))
    return {
        "method": shown.method,
        "url": shown.url,
        "headers": merge_headers(shown.headers),
        "body": body["body"],
        "body_encoding": body["body_encoding"],
    }
