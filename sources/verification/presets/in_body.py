"""Providers whose signature is inside of the body (family g)."""

from __future__ import annotations

from typing import Final

from sources.verification.answer import TEXT, Answer
from sources.verification.handshakes import Opening, graph_validation
from sources.verification.provider import Provider
from sources.verification.schemes.body_signature import Adyen, Linear, Mailgun, MicrosoftGraph
from sources.verification.schemes.sns import Sns

IN_BODY: Final = (
    Provider(
        "ADYEN",
        "Adyen",
        "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/",
        Adyen(),
        accepted=Answer(200, (("content-type", TEXT),), b"[accepted]"),
        event_type="body.notificationItems[0].NotificationRequestItem.eventCode",
        event_id="body.notificationItems[0].NotificationRequestItem.pspReference",
        unverified="fields with a colon or a backslash in them",
    ),
    Provider(
        "AWS_SNS",
        "Amazon SNS",
        "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
        Sns(),
        challenge_summary="SubscriptionConfirmation: SubscribeURL is called",
        event_type="headers.x-amz-sns-message-type",
        event_id="headers.x-amz-sns-message-id",
    ),
    Provider(
        "LINEAR",
        "Linear",
        "https://linear.app/developers/webhooks",
        Linear(),
        event_type="headers.linear-event",
        event_id="headers.linear-delivery",
    ),
    Provider(
        "MAILGUN",
        "Mailgun",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
        Mailgun(),
        event_type="body.event-data.event",
        event_id="body.event-data.id",
    ),
    Provider(
        "MICROSOFT_GRAPH",
        "Microsoft Graph",
        "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
        MicrosoftGraph(),
        opening=Opening(graph_validation, frozenset({"POST"}), True, "POST ?validationToken= is sent back as text"),
        event_type="body.value[0].changeType",
    ),
)
