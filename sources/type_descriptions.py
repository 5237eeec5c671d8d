"""Descriptions of source types and authentication types, from the very table that validates them."""

from __future__ import annotations

from functools import cache
from typing import Any

from sources.methods import DEFAULT_METHODS
from sources.types import GENERIC_TYPE, PROVIDER_TYPES
from sources.verification.provider import Provider
from sources.verification.providers import PROVIDER_SIGNATURE, PROVIDERS
from sources.verification.types import AUTH_SCHEMES


@cache
def describe_types() -> dict[str, Any]:
    """The answer of GET /sources/types. Do not change it: it is made once."""
    models = [_generic(), *(_describe(PROVIDERS[name], has_type=True) for name in PROVIDER_TYPES)]
    others = [_describe(PROVIDERS[name], has_type=False) for name in PROVIDERS if name not in PROVIDER_TYPES]
    auth_types = [
        {"auth_type": name, "fields": [field.describe() for field in scheme.fields]}
        for name, scheme in AUTH_SCHEMES.items()
    ]
    return {"count": len(models), "models": models, "auth_types": auth_types, "providers": others}


def _generic() -> dict[str, Any]:
    return {
        "type": GENERIC_TYPE,
        "provider": None,
        "label": "Any webhook",
        "docs_url": None,
        "auth_type": None,
        "fields": [],
        "handshake": None,
        "allowed_http_methods": list(DEFAULT_METHODS),
        "event_type": None,
        "event_id": None,
        "unverified": None,
    }


def _describe(provider: Provider, *, has_type: bool) -> dict[str, Any]:
    return {
        "type": provider.name if has_type else None,
        "provider": provider.name,
        "label": provider.label,
        "docs_url": provider.docs,
        "auth_type": PROVIDER_SIGNATURE,
        "fields": [field.describe() for field in provider.fields],
        "handshake": provider.handshake_summary,
        "allowed_http_methods": list(DEFAULT_METHODS),
        "event_type": provider.event_type,
        "event_id": provider.event_id,
        "unverified": provider.unverified,
    }
