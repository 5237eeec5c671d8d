"""The authentication of a source as it is saved: validated, and which of its fields are secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fasthook.lib.config_fields import read_choice
from fasthook.lib.errors import invalid
from sources.verification.providers import PROVIDER_SIGNATURE, PROVIDERS
from sources.verification.types import AUTH_SCHEMES

SECRET_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    auth_type: scheme.secret_fields for auth_type, scheme in AUTH_SCHEMES.items()
}


def infer_auth_type(source_type: str, auth_type: Any, auth: object) -> Any:
    """The authentication type that is meant: on a provider's source the provider's own scheme, when `auth` is given
    without a type, or as HMAC without the header that HMAC needs."""
    if source_type not in PROVIDERS or not isinstance(auth, Mapping) or not auth:
        return auth_type
    if auth_type is None or (auth_type == "HMAC" and auth.get("signature_header") is None):
        return PROVIDER_SIGNATURE
    return auth_type


def normalise_auth(
    source_type: str, auth_type: str | None, auth: object, *, at: str = "config"
) -> dict[str, Any] | None:
    """The stored form of `auth` (defaults filled in, header names in lower case), or None without authentication.

    `source_type` names the provider of PROVIDER_SIGNATURE; the other types mean the same on every source.
    Raises InvalidInput naming `<at>.auth_type` or `<at>.auth.<field>`.
    """
    if auth_type is None:
        if auth is None or auth == {}:
            return None
        raise invalid(f"{at}.auth_type", f"is required when auth is given: one of {', '.join(AUTH_SCHEMES)}")
    name = read_choice(auth_type, AUTH_SCHEMES, at=f"{at}.auth_type")
    return AUTH_SCHEMES[name].normalise(source_type, auth, at=f"{at}.auth")
