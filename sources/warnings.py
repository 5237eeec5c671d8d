"""Warnings about a saved source: it works, but perhaps not as its operator thinks."""

from __future__ import annotations

from typing import Any

from sources.models import Source
from sources.verification.providers import PROVIDER_SIGNATURE, PROVIDERS


def source_warnings(source: Source) -> list[dict[str, str]]:
    """Each {code, field, message}."""
    if source.auth_type is None:
        provider = PROVIDERS.get(source.type)
        if provider is None:
            return []
        wanted = " and ".join(field.name for field in provider.fields if field.required)
        message = f"no {source.type} secret is set: this source accepts unsigned requests from anybody"
        if wanted:
            message += f"; set config.auth with {wanted}"
        return [_warning("SOURCE_NOT_VERIFIED", "config.auth", message)]
    return _provider_warnings(source.auth) if source.auth_type == PROVIDER_SIGNATURE else []


def _provider_warnings(auth: Any) -> list[dict[str, str]]:
    provider = PROVIDERS.get(auth["provider"])
    if provider is None:
        return []
    if provider.learns_secret and "secret" not in auth:
        message = f"{provider.label} has not sent its secret yet: until its handshake every other request is refused"
        return [_warning("SOURCE_AWAITS_SECRET", "config.auth.secret", message)]
    missing = [field for field in provider.more_fields if field.name not in auth]
    return [
        _warning(
            "SOURCE_HANDSHAKE_REFUSED",
            f"config.auth.{field.name}",
            f"without it {provider.label} cannot verify this URL: {field.help}",
        )
        for field in missing
    ]


def _warning(code: str, field: str, message: str) -> dict[str, str]:
    return {"code": code, "field": field, "message": message}
