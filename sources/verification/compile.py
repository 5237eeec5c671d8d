"""Compilation of a source's saved authentication into its verifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sources.verification.providers import PROVIDERS
from sources.verification.request import InboundRequest
from sources.verification.types import AUTH_SCHEMES
from sources.verification.verdict import Verdict, Verifier

__all__ = ["InboundRequest", "Verdict", "Verifier", "compile_auth", "handshake_methods"]

_NONE: frozenset[str] = frozenset()


def compile_auth(source_type: str, auth_type: str | None, auth: Mapping[str, Any] | None) -> Verifier | None:
    """The verifier for what `normalise_auth` returned, or None when the source has no authentication and its type no
    handshake that works without.

    Raises KeyError for a type that `normalise_auth` would have refused: such a source must not run open.
    """
    if auth_type is None:
        provider = PROVIDERS.get(source_type)
        return provider.compile(None) if provider is not None else None
    return AUTH_SCHEMES[auth_type].compile(auth or {})


def handshake_methods(verifier: Verifier | None) -> frozenset[str]:
    """Methods that a handshake may come by, although the source's own methods do not name them."""
    provider = getattr(verifier, "provider", None)
    return provider.opening.methods if provider is not None and provider.opening is not None else _NONE
