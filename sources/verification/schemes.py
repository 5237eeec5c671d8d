"""The table of authentication types: how each is validated, compiled, and which of its fields are secret.

A new type is one row here plus the module that implements it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sources.verification.hmac_signature import compile_hmac, normalise_hmac
from sources.verification.static_credentials import (
    compile_api_key,
    compile_basic_auth,
    normalise_api_key,
    normalise_basic_auth,
)
from sources.verification.verdict import Verifier


class Normalise(Protocol):
    def __call__(self, auth: object, *, at: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class AuthScheme:
    normalise: Normalise
    compile: Callable[[Mapping[str, Any]], Verifier]
    secret_fields: frozenset[str]


AUTH_SCHEMES: Final[Mapping[str, AuthScheme]] = {
    "HMAC": AuthScheme(normalise_hmac, compile_hmac, frozenset({"secret"})),
    "BASIC_AUTH": AuthScheme(normalise_basic_auth, compile_basic_auth, frozenset({"password"})),
    "API_KEY": AuthScheme(normalise_api_key, compile_api_key, frozenset({"api_key"})),
}
