"""Providers that show fixed credentials (family f)."""

from __future__ import annotations

from typing import Final

from sources.verification.handshakes import Opening, okta_challenge
from sources.verification.provider import Provider
from sources.verification.schemes.static_credentials import StaticBasic, StaticHeader

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
