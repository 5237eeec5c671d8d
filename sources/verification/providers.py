"""The table of providers: every provider that can be named, by its name, and what a source's `auth` is to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fasthook.lib.config_fields import read_choice
from fasthook.lib.errors import invalid
from sources.verification.fields import read_fields
from sources.verification.presets.body_hmac import BODY_HMAC
from sources.verification.presets.in_body import IN_BODY
from sources.verification.presets.public_key import PUBLIC_KEY
from sources.verification.presets.static import STATIC
from sources.verification.presets.timed import TIMED
from sources.verification.presets.url_aware import URL_AWARE
from sources.verification.provider import Provider

PROVIDER_SIGNATURE: Final = "PROVIDER_SIGNATURE"

PROVIDERS: Final[Mapping[str, Provider]] = {
    provider.name: provider
    for provider in sorted(
        (*BODY_HMAC, *TIMED, *URL_AWARE, *PUBLIC_KEY, *STATIC, *IN_BODY), key=lambda provider: provider.name
    )
}

# A name that is secret for one provider is secret for all: masking knows the name only.
PROVIDER_SECRET_FIELDS: Final = frozenset(
    field.name for provider in PROVIDERS.values() for field in provider.fields if field.kind == "secret"
)


def normalise_provider_auth(source_type: str, auth: object, *, at: str) -> dict[str, Any]:
    """The stored form {provider, ...the provider's fields}. A source that names a provider in its type is that
    provider's; any other names it in `auth.provider`. Raises InvalidInput."""
    given = auth if isinstance(auth, Mapping) else {}
    named = given.get("provider")
    if isinstance(named, str) and named.upper() in PROVIDERS:
        named = named.upper()
    if named is None and source_type in PROVIDERS:
        named = source_type
    if named is None:
        raise invalid(f"{at}.provider", f"is required: one of {', '.join(PROVIDERS)}")
    name = read_choice(named, PROVIDERS, at=f"{at}.provider")
    if source_type in PROVIDERS and name != source_type:
        raise invalid(f"{at}.provider", f"is {name}, but the source's type is {source_type}; make them the same")
    return {"provider": name, **read_fields(auth, PROVIDERS[name].fields, at=at, also=("provider",))}
