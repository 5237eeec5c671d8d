"""Providers that sign a time with the body (families b and c), so that a request cannot be sent again later."""

from __future__ import annotations

from typing import Final

from sources.verification.handshakes import slack_challenge, twitch_challenge, zoom_challenge
from sources.verification.provider import Provider
from sources.verification.schemes.freshness import ISO
from sources.verification.schemes.signed_header import SignedHeader
from sources.verification.schemes.standard_webhooks import StandardWebhooks


def _standard(name: str, label: str, docs: str, *, text_secret: bool = False, prefix: str = "webhook") -> Provider:
    return Provider(
        name,
        label,
        docs,
        StandardWebhooks(text_secret=text_secret),
        event_type="body.type",
        event_id=f"headers.{prefix}-id",
    )


TIMED: Final = (
    Provider(
        "CALENDLY",
        "Calendly",
        "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
        SignedHeader(
            "calendly-webhook-signature", "{time}.{body}", time_field="t", signature_field="v1", tolerance_s=180
        ),
        event_type="body.event",
    ),
    Provider(
        "ELEVENLABS",
        "ElevenLabs",
        "https://elevenlabs.io/docs/product-guides/administration/webhooks",
        SignedHeader("elevenlabs-signature", "{time}.{body}", time_field="t", signature_field="v0", tolerance_s=1800),
        event_type="body.type",
    ),
    Provider(
        "GRAFANA",
        "Grafana Alerting",
        "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/"
        "webhook-notifier/",
        SignedHeader(
            "x-grafana-alerting-signature",
            "{time}:{body}",
            time_header="x-grafana-alerting-signature-timestamp",
            optional_time=True,
            tolerance_s=300,
        ),
        event_type="body.status",
    ),
    Provider(
        "HYGRAPH",
        "Hygraph",
        "https://hygraph.com/docs/api-reference/basics/webhooks",
        SignedHeader(
            "gcms-signature",
            "{envelope}",
            encoding="base64",
            time_field="t",
            signature_field="sign",
            tolerance_s=300,
        ),
        event_type="body.operation",
    ),
    Provider(
        "MUX",
        "Mux",
        "https://www.mux.com/docs/core/verify-webhook-signatures",
        SignedHeader("mux-signature", "{time}.{body}", time_field="t", signature_field="v1", tolerance_s=300),
        event_type="body.type",
        event_id="body.id",
    ),
    Provider(
        "PADDLE",
        "Paddle Billing",
        "https://developer.paddle.com/webhooks/signature-verification",
        SignedHeader("paddle-signature", "{time}:{body}", time_field="ts", signature_field="h1", tolerance_s=300),
        event_type="body.event_type",
        event_id="body.event_id",
    ),
    Provider(
        "SANITY",
        "Sanity",
        "https://www.sanity.io/docs/content-lake/webhook-best-practices",
        SignedHeader(
            "sanity-webhook-signature", "{time}.{body}", encoding="base64", time_field="t", signature_field="v1"
        ),
        event_id="headers.idempotency-key",
    ),
    Provider(
        "SLACK",
        "Slack",
        "https://docs.slack.dev/authentication/verifying-requests-from-slack",
        SignedHeader(
            "x-slack-signature",
            "v0:{time}:{body}",
            prefix="v0=",
            time_header="x-slack-request-timestamp",
            tolerance_s=300,
        ),
        challenge=slack_challenge,
        challenge_summary="url_verification: the challenge is sent back as text",
        event_type="body.event.type",
        event_id="body.event_id",
    ),
    Provider(
        "STRIPE",
        "Stripe",
        "https://docs.stripe.com/webhooks/signature",
        SignedHeader(
            "stripe-signature",
            "{time}.{body}",
            time_field="t",
            signature_field="v1",
            tolerance_s=300,
            key_label="Signing secret (whsec_...)",
        ),
        event_type="body.type",
        event_id="body.id",
    ),
    Provider(
        "TWITCH",
        "Twitch EventSub",
        "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
        SignedHeader(
            "twitch-eventsub-message-signature",
            "{header:twitch-eventsub-message-id}{time}{body}",
            prefix="sha256=",
            time_header="twitch-eventsub-message-timestamp",
            time_form=ISO,
            tolerance_s=600,
        ),
        challenge=twitch_challenge,
        challenge_summary="webhook_callback_verification: the challenge is sent back as text",
        event_type="headers.twitch-eventsub-subscription-type",
        event_id="headers.twitch-eventsub-message-id",
        unverified="the tolerance and the form of the challenge",
    ),
    Provider(
        "WEBFLOW",
        "Webflow",
        "https://developers.webflow.com/data/docs/working-with-webhooks",
        SignedHeader("x-webflow-signature", "{time}:{body}", time_header="x-webflow-timestamp", tolerance_s=300),
        event_type="body.triggerType",
    ),
    Provider(
        "WORKOS",
        "WorkOS",
        "https://workos.com/docs/events/data-syncing/webhooks",
        SignedHeader("workos-signature", "{time}.{body}", time_field="t", signature_field="v1", tolerance_s=300),
        event_type="body.event",
        event_id="body.id",
        unverified="the unit of the timestamp: seconds and milliseconds are both understood",
    ),
    Provider(
        "ZENDESK",
        "Zendesk",
        "https://developer.zendesk.com/documentation/webhooks/verifying/",
        SignedHeader(
            "x-zendesk-webhook-signature",
            "{time}{body}",
            encoding="base64",
            time_header="x-zendesk-webhook-signature-timestamp",
            time_form=ISO,
            tolerance_s=300,
        ),
        event_type="body.type",
        event_id="headers.x-zendesk-webhook-invocation-id",
    ),
    Provider(
        "ZOOM",
        "Zoom",
        "https://developers.zoom.us/docs/api/webhooks/",
        SignedHeader(
            "x-zm-signature",
            "v0:{time}:{body}",
            prefix="v0=",
            time_header="x-zm-request-timestamp",
            tolerance_s=300,
            key_label="Webhook secret token",
        ),
        challenge=zoom_challenge,
        challenge_summary="endpoint.url_validation: plainToken and its HMAC are sent back",
        event_type="body.event",
    ),
    _standard("STANDARD_WEBHOOKS", "Standard Webhooks", "https://www.standardwebhooks.com/"),
    _standard("SVIX", "Svix", "https://docs.svix.com/receiving/verifying-payloads/how", prefix="svix"),
    _standard("CLERK", "Clerk", "https://clerk.com/docs/guides/development/webhooks/syncing", prefix="svix"),
    _standard("DODO", "Dodo Payments", "https://docs.dodopayments.com/developer-resources/webhooks"),
    _standard("OPENAI", "OpenAI", "https://platform.openai.com/docs/guides/webhooks"),
    _standard("POLAR", "Polar", "https://polar.sh/docs/integrate/webhooks/delivery", text_secret=True),
    _standard("REPLICATE", "Replicate", "https://replicate.com/docs/topics/webhooks/verify-webhook"),
    _standard("RESEND", "Resend", "https://resend.com/docs/webhooks/verify-webhooks-requests", prefix="svix"),
)
