"""Providers that sign with a private key of theirs, or with a token (family e)."""

from __future__ import annotations

from typing import Final

from sources.verification.handshakes import discord_ping
from sources.verification.provider import Provider
from sources.verification.remote_keys import Fal, PayPal, Plaid
from sources.verification.schemes.freshness import ISO
from sources.verification.schemes.http_signature import MailChannels
from sources.verification.schemes.jwt import SignedToken
from sources.verification.schemes.signed_header import SignedHeader

PUBLIC_KEY: Final = (
    Provider(
        "BRIDGE",
        "Bridge",
        "https://apidocs.bridge.xyz/platform/additional-information/webhooks/signature",
        SignedHeader(
            "x-webhook-signature",
            "{time}.{body}",
            algorithm="rsa-sha256",
            encoding="base64",
            time_field="t",
            signature_field="v0",
            tolerance_s=600,
            twice_hashed=True,
        ),
        event_type="body.event_type",
        event_id="body.event_id",
    ),
    Provider(
        "DISCORD",
        "Discord",
        "https://discord.com/developers/docs/interactions/overview",
        SignedHeader(
            "x-signature-ed25519",
            "{time}{body}",
            algorithm="ed25519",
            time_header="x-signature-timestamp",
            tolerance_s=300,
        ),
        challenge=discord_ping,
        challenge_summary="PING is answered with its PONG",
    ),
    Provider(
        "FAL",
        "fal.ai",
        "https://docs.fal.ai/model-apis/model-endpoints/webhooks",
        Fal(),
        event_type="body.status",
        event_id="headers.x-fal-webhook-request-id",
    ),
    Provider(
        "FUSIONAUTH",
        "FusionAuth",
        "https://fusionauth.io/docs/extend/events-and-webhooks/signing",
        SignedToken("x-fusionauth-signature-jwt", "request_body_sha256", public_key=True),
        event_type="body.event.type",
        event_id="body.event.id",
    ),
    Provider(
        "KICK",
        "Kick",
        "https://docs.kick.com/events/webhook-security",
        SignedHeader(
            "kick-event-signature",
            "{header:kick-event-message-id}.{time}.{body}",
            algorithm="rsa-sha256",
            encoding="base64",
            time_header="kick-event-message-timestamp",
            time_form=ISO,
        ),
        event_type="headers.kick-event-type",
        event_id="headers.kick-event-message-id",
    ),
    Provider(
        "MAILCHANNELS",
        "MailChannels",
        "https://docs.mailchannels.net/email-api/advanced/delivery-events",
        MailChannels(),
        unverified="the form of the answer that brings the key",
    ),
    Provider(
        "NETLIFY",
        "Netlify",
        "https://docs.netlify.com/deploy/deploy-notifications/",
        SignedToken("x-webhook-signature", "sha256", issuer="netlify"),
        event_type="headers.x-netlify-event",
    ),
    Provider(
        "PAYPAL",
        "PayPal",
        "https://developer.paypal.com/api/rest/webhooks/rest/",
        PayPal(),
        event_type="body.event_type",
        event_id="body.id",
    ),
    Provider(
        "PLAID",
        "Plaid",
        "https://plaid.com/docs/api/webhooks/webhook-verification/",
        Plaid(),
        event_type="body.webhook_code",
    ),
    Provider(
        "SENDGRID",
        "SendGrid",
        "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-"
        "features",
        SignedHeader(
            "x-twilio-email-event-webhook-signature",
            "{time}{body}",
            algorithm="ecdsa",
            encoding="base64",
            time_header="x-twilio-email-event-webhook-timestamp",
            tolerance_s=300,
        ),
    ),
    Provider(
        "TELNYX",
        "Telnyx",
        "https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks",
        SignedHeader(
            "telnyx-signature-ed25519",
            "{time}|{body}",
            algorithm="ed25519",
            encoding="base64",
            time_header="telnyx-timestamp",
            tolerance_s=300,
        ),
        event_type="body.data.event_type",
        event_id="body.data.id",
    ),
)
