"""A notification in the form of its channel: a signed request, a request in Slack's form, or a mail.

What cannot be made (a lost key) is an outcome like any other. Sending is sending.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.conf import settings
from django.core.mail import EmailMessage

from alerts.models import ChannelType
from alerts.outbox.messages import slack_body, subject, text
from destinations.outbound.auth.signing import derive_keys, signature_headers
from destinations.outbound.build import USER_AGENT, PreparedRequest

# Marks what an alert sends: its value is the notification's id. See conditions/echoes.py for who looks at it.
MARK: Final = "x-fasthook-alert"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification with everything that its form needs, decrypted. `signing_secrets`: the current one first."""

    id: str
    channel_type: str
    config: Mapping[str, Any]
    message: Mapping[str, Any]
    signing_secrets: tuple[str, ...]


def http_request(notice: Notice, *, now: datetime) -> PreparedRequest:
    """For WEBHOOK and SLACK. ValueError when there is no secret to sign with."""
    if notice.channel_type == ChannelType.SLACK:
        body, signature = orjson.dumps(slack_body(notice.message)), []
    else:
        body = orjson.dumps(notice.message)
        signature = signature_headers(
            derive_keys(notice.signing_secrets), body, message_id=notice.id, timestamp_s=int(now.timestamp())
        )
    headers = (
        ("content-type", "application/json"),
        ("user-agent", USER_AGENT),
        ("accept-encoding", "identity"),
        (MARK, notice.id),
        *signature,
    )
    return PreparedRequest(method="POST", url=str(notice.config["url"]), headers=headers, body=body)


def mail(notice: Notice) -> EmailMessage:
    """The notification's id is the mail's, so that a repeat is recognised as one."""
    host = settings.EMAIL_FROM.rpartition("@")[2].strip("> ") or "localhost"
    return EmailMessage(
        subject=" ".join(subject(notice.message).split()),
        body=text(notice.message),
        from_email=settings.EMAIL_FROM,
        to=list(notice.config["to"]),
        headers={
            "Message-ID": f"<{notice.id}@{host}>",
            "Auto-Submitted": "auto-generated",
            "X-FastHook-Alert": notice.id,
        },
    )
