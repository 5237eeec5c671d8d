"""The source types on offer: WEBHOOK for anything, and the providers that can be named.

Every provider type is a row of `sources.verification.providers`, which has further providers for PROVIDER_SIGNATURE.
"""

from __future__ import annotations

from typing import Final

GENERIC_TYPE: Final = "WEBHOOK"

PROVIDER_TYPES: Final = (
    "GITHUB",
    "STRIPE",
    "SHOPIFY",
    "SLACK",
    "SVIX",
    "TWILIO",
    "META",
    "MICROSOFT_GRAPH",
    "GITLAB",
    "HUBSPOT",
    "ZOOM",
    "SENDGRID",
    "DISCORD",
    "TELEGRAM",
    "AWS_SNS",
    "PAYPAL",
    "MAILGUN",
    "POSTMARK",
    "LINE",
    "DOCUSIGN",
    "DROPBOX",
    "INTERCOM",
    "LINEAR",
    "TYPEFORM",
    "CALENDLY",
    "PADDLE",
    "SQUARE",
    "COINBASE_COMMERCE",
    "RAZORPAY",
    "LEMON_SQUEEZY",
    "ASANA",
    "ZENDESK",
    "OKTA",
    "CLERK",
    "RESEND",
    "WORKOS",
    "XERO",
    "BITBUCKET",
    "TRELLO",
    "WOO_COMMERCE",
    "MUX",
    "VERCEL",
    "HEROKU",
    "CIRCLECI",
    "GRAFANA",
    "SENTRY",
    "AUTH0",
    "HYGRAPH",
    "SANITY",
    "OPENAI",
    "TWITCH",
    "PAYSTACK",
    "GOCARDLESS",
    "PAGERDUTY",
    "ADYEN",
    "TWITTER",
    "TELNYX",
    "SEGMENT",
    "CHARGEBEE",
    "COMMERCE_LAYER",
    "STANDARD_WEBHOOKS",
)

SOURCE_TYPES: Final = (GENERIC_TYPE, *PROVIDER_TYPES)
