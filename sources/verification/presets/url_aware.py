"""Providers whose signature covers the URL as they called it (family d)."""

from __future__ import annotations

from typing import Final

from sources.verification.handshakes import Opening, probe
from sources.verification.provider import Provider
from sources.verification.schemes.signed_header import SignedHeader
from sources.verification.schemes.twilio import Twilio

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
