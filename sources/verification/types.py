"""The table of authentication types: how each is validated, compiled, and which of its fields are secret.

A new type is one row here plus the module that implements it. A new provider is one row in presets/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sources.verification.fields import Field, secret_field, tolerance_field
from sources.verification.providers import (
    PROVIDER_SECRET_FIELDS,
    PROVIDER_SIGNATURE,
    PROVIDERS,
    normalise_provider_auth,
)
from sources.verification.schemes.hmac_signature import (
    DEFAULT_TOLERANCE_S,
    DIGEST_BYTES,
    ENCODINGS,
    compile_hmac,
    normalise_hmac,
)
from sources.verification.schemes.static_credentials import (
    compile_api_key,
    compile_basic_auth,
    normalise_api_key,
    normalise_basic_auth,
)
from sources.verification.verdict import Verifier


class Normalise(Protocol):
    def __call__(self, source_type: str, auth: object, *, at: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class AuthScheme:
    """`fields` describe the scheme to whoever makes a form of it."""

    normalise: Normalise
    compile: Callable[[Mapping[str, Any]], Verifier]
    secret_fields: frozenset[str]
    fields: tuple[Field, ...]


def _of_any_type(normalise: Callable[..., dict[str, Any]]) -> Normalise:
    """For schemes that mean the same on every source."""
    return lambda source_type, auth, *, at: normalise(auth, at=at)


def _compile_provider(auth: Mapping[str, Any]) -> Verifier:
    verifier = PROVIDERS[auth["provider"]].compile(auth)
    assert verifier is not None
    return verifier


def _optional(name: str, label: str, *, choices: tuple[str, ...] = (), default: str | None = None) -> Field:
    return Field(name, label, "choice" if choices else "text", required=False, default=default, choices=choices)


_HMAC_FIELDS: Final = (
    secret_field("Secret"),
    Field("signature_header", "Signature header"),
    _optional("algorithm", "Algorithm", choices=tuple(DIGEST_BYTES), default="sha256"),
    _optional("encoding", "Encoding", choices=ENCODINGS, default="auto"),
    _optional("prefix", "Prefix of the signature"),
    _optional("timestamp_header", "Timestamp header"),
    tolerance_field(DEFAULT_TOLERANCE_S),
)

AUTH_SCHEMES: Final[Mapping[str, AuthScheme]] = {
    "HMAC": AuthScheme(_of_any_type(normalise_hmac), compile_hmac, frozenset({"secret"}), _HMAC_FIELDS),
    "BASIC_AUTH": AuthScheme(
        _of_any_type(normalise_basic_auth),
        compile_basic_auth,
        frozenset({"password"}),
        (Field("username", "User name"), Field("password", "Password", "secret", many=True)),
    ),
    "API_KEY": AuthScheme(
        _of_any_type(normalise_api_key),
        compile_api_key,
        frozenset({"api_key"}),
        (
            _optional("header", "Header that carries the key"),
            _optional("query", "Or the query parameter that does"),
            Field("api_key", "API key", "secret", many=True),
        ),
    ),
    PROVIDER_SIGNATURE: AuthScheme(
        normalise_provider_auth,
        _compile_provider,
        PROVIDER_SECRET_FIELDS,
        (Field("provider", "Provider", "choice", choices=tuple(PROVIDERS)),),
    ),
}
