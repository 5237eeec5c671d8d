"""A provider: one row of the table, and the verifier that is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sources.verification.answer import Answer
from sources.verification.fields import Field
from sources.verification.handshakes import Opening, SignedHandshake
from sources.verification.request import InboundRequest
from sources.verification.verdict import UNVERIFIED, RemoteKeyVerifier, Verdict, Verifier, handshake, refused


class Scheme(Protocol):
    """How a provider proves that a request is its own: the fields it needs, and the verifier they make."""

    @property
    def fields(self) -> tuple[Field, ...]: ...

    def compile(self, auth: Mapping[str, Any]) -> Verifier: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """docs: where the provider describes its signature. more_fields: what its handshake needs besides.
    opening, challenge: its handshakes, before and after the signature is looked at (handshakes.py).
    accepted, refused: whole answers that the provider wants instead of FastHook's.
    event_type, event_id: where they are found, as paths that rules understand.
    learns_secret: the secret may be left out, the provider's handshake brings it.
    unverified: what was not seen in the provider's own documentation.
    """

    name: str
    label: str
    docs: str
    scheme: Scheme
    more_fields: tuple[Field, ...] = ()
    opening: Opening | None = None
    challenge: SignedHandshake | None = None
    challenge_summary: str = ""
    accepted: Answer | None = None
    refused: Answer | None = None
    event_type: str | None = None
    event_id: str | None = None
    learns_secret: bool = False
    object_body: bool = False
    unverified: str | None = None
    fields: tuple[Field, ...] = field(init=False)

    def __post_init__(self) -> None:
        own = self.scheme.fields
        if self.learns_secret:
            own = tuple(replace(each, required=False) if each.name == "secret" else each for each in own)
        object.__setattr__(self, "fields", (*own, *self.more_fields))

    @property
    def handshake_summary(self) -> str | None:
        return self.opening.summary if self.opening else self.challenge_summary or None

    def compile(self, auth: Mapping[str, Any] | None) -> Verifier | None:
        """The verifier for the stored `auth`. Without any, one for the openings that need none; else None."""
        if auth is None:
            if self.opening is None or not self.opening.without_auth:
                return None
            return ProviderVerifier(self, None, {})
        if self.learns_secret and "secret" not in auth:
            return ProviderVerifier(self, AwaitsSecret(), auth)
        scheme = self.scheme.compile(auth)
        if isinstance(scheme, RemoteKeyVerifier):
            return RemoteProviderVerifier(self, scheme, auth)
        return ProviderVerifier(self, scheme, auth)


@dataclass(frozen=True, slots=True)
class AwaitsSecret:
    """Refuses everything until the provider's handshake has brought the secret."""

    credential_headers: frozenset[str] = frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        return refused("this source has not received its secret yet; the provider's handshake brings it")


@dataclass(frozen=True, slots=True)
class ProviderVerifier:
    """`scheme` is None for a source that is not verified: its provider's openings are answered all the same."""

    provider: Provider
    scheme: Verifier | None
    auth: Mapping[str, Any] = field(repr=False)

    @property
    def credential_headers(self) -> frozenset[str]:
        return self.scheme.credential_headers if self.scheme is not None else frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        opening = self.provider.opening
        verdict = opening.answer(request, self.auth) if opening is not None else None
        if verdict is None:
            verdict = self.scheme.verify(request, now=now) if self.scheme is not None else UNVERIFIED
        return self.finish(request, verdict)

    def finish(self, request: InboundRequest, verdict: Verdict) -> Verdict:
        """Adds what the provider wants to hear."""
        provider = self.provider
        if verdict.handshake or verdict.wants is not None:
            return verdict
        if verdict.ok and provider.object_body and verdict.verified and not request.body.lstrip().startswith(b"{"):
            verdict = refused("the body is not a JSON object, as all of this provider's are")
        if not verdict.ok:
            return verdict if provider.refused is None else replace(verdict, answer=provider.refused)
        if verdict.verified and provider.challenge is not None:
            answer = provider.challenge(request, self.auth)
            if answer is not None:
                return handshake(answer, verified=True)
        return verdict


@dataclass(frozen=True, slots=True)
class RemoteProviderVerifier(ProviderVerifier):
    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        assert isinstance(self.scheme, RemoteKeyVerifier)
        return self.finish(request, self.scheme.verify_with(request, document, now=now))
