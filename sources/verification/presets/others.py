"""Providers of the other families: the URL is signed too (d), public keys and tokens (e), fixed credentials (f), a
signature inside of the body (g)."""

from __future__ import annotations

from typing import Final

from sources.verification.answer import TEXT, Answer
from sources.verification.handshakes import Opening, discord_ping, graph_validation, okta_challenge, probe
from sources.verification.provider import Provider
from sources.verification.remote_keys import Fal, PayPal, Plaid
from sources.verification.schemes.body_signature import Adyen, Linear, Mailgun, MicrosoftGraph
from sources.verification.schemes.freshness import ISO
from sources.verification.schemes.http_signature import MailChannels
from sources.verification.schemes.jwt import SignedToken
from sources.verification.schemes.signed_header import SignedHeader
from sources.verification.schemes.sns import Sns
from sources.verification.schemes.static_credentials import StaticBasic, StaticHeader
from sources.verification.schemes.url_aware import Twilio

_HEAD: Final = frozenset({"HEAD"})

URL_AWARE: Final = (
    Provider(
        "HUBSPOT",
        "HubSpot",
        "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
        SignedHeader(
            "x-hubspot-signature-v3",
            "{method}{url_decoded}{body}{time}",
            encoding="base64",
            time_header="x-hubspot-request-timestamp",
            tolerance_s=300,
            key_label="Client secret",
        ),
    ),
    Provider(
        "MAILCHIMP_TRANSACTIONAL",
        "Mailchimp Transactional (Mandrill)",
        "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
        SignedHeader(
            "x-mandrill-signature",
            "{url}{form}",
            algorithm="hmac-sha1",
            encoding="base64",
            fixed_url=True,
            key_label="Webhook key",
        ),
        opening=Opening(probe, _HEAD, True, "HEAD is answered 200"),
    ),
    Provider(
        "SQUARE",
        "Square",
        "https://developer.squareup.com/docs/webhooks/step3validate",
        SignedHeader(
            "x-square-hmacsha256-signature",
            "{url}{body}",
            encoding="base64",
            fixed_url=True,
            key_label="Signature key",
        ),
        event_type="body.type",
        event_id="body.event_id",
    ),
    Provider(
        "TRELLO",
        "Trello",
        "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
        SignedHeader(
            "x-trello-webhook",
            "{body}{url}",
            algorithm="hmac-sha1",
            encoding="base64",
            fixed_url=True,
            key_label="API secret",
        ),
        opening=Opening(probe, _HEAD, True, "HEAD is answered 200"),
        event_type="body.action.type",
        event_id="body.action.id",
    ),
    Provider("TWILIO", "Twilio", "https://www.twilio.com/docs/usage/security", Twilio()),
)

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

STATIC: Final = (
    Provider(
        "AUTH0",
        "Auth0 log streams",
        "https://auth0.com/docs/customize/log-streams/custom-log-streams",
        StaticHeader("authorization", "Authorization token"),
    ),
    Provider(
        "BREVO",
        "Brevo",
        "https://developers.brevo.com/docs/username-and-password-authentication",
        StaticHeader("authorization", "Bearer token"),
        event_type="body.event",
    ),
    Provider(
        "CHARGEBEE",
        "Chargebee",
        "https://www.chargebee.com/docs/2.0/webhook_settings.html",
        StaticBasic(),
        event_type="body.event_type",
        event_id="body.id",
    ),
    Provider(
        "GITLAB",
        "GitLab",
        "https://docs.gitlab.com/user/project/integrations/webhooks/",
        StaticHeader("x-gitlab-token"),
        event_type="headers.x-gitlab-event",
        event_id="headers.idempotency-key",
    ),
    Provider(
        "OKTA",
        "Okta event hooks",
        "https://developer.okta.com/docs/concepts/event-hooks/",
        StaticHeader("authorization", "Authentication secret"),
        opening=Opening(
            okta_challenge, frozenset({"GET"}), True, "GET with X-Okta-Verification-Challenge is answered with it"
        ),
        event_id="body.eventId",
    ),
    Provider(
        "POSTMARK",
        "Postmark",
        "https://postmarkapp.com/developer/webhooks/webhooks-overview",
        StaticBasic(),
        event_type="body.RecordType",
    ),
    Provider(
        "TELEGRAM",
        "Telegram",
        "https://core.telegram.org/bots/api#setwebhook",
        StaticHeader("x-telegram-bot-api-secret-token"),
        event_id="body.update_id",
    ),
)

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
