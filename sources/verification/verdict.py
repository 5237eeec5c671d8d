"""The answer of a verifier, and what every verifier looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sources.verification.answer import Answer
from sources.verification.request import InboundRequest


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A document that a verifier needs from the provider: a certificate or a key set. The verifier has checked the
    host. The headers and the body may hold credentials, so they are never shown."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a sentence for operators when `ok` is false; it never holds a secret or an expected signature.

    verified: authentication is configured and passed. handshake: a provider's challenge or ping, which makes no events.
    answer: what the provider expects to hear, refused or not. wants: nothing is decided before this document is there;
    ask `RemoteKeyVerifier.verify_with`. learned_secret: to be stored as the source's secret before the answer goes out.
    confirm_url: to be called before the answer goes out. hidden_headers: lower-case headers whose values no evidence
    may show.
    """

    ok: bool
    reason: str | None = None
    verified: bool = False
    handshake: bool = False
    answer: Answer | None = None
    wants: KeyRequest | None = None
    learned_secret: str | None = field(default=None, repr=False)
    confirm_url: str | None = field(default=None, repr=False)
    hidden_headers: frozenset[str] = frozenset()


VERIFIED = Verdict(ok=True, verified=True)
# No authentication is configured: accepted, and said to be unverified.
UNVERIFIED = Verdict(ok=True)


def refused(reason: str) -> Verdict:
    return Verdict(ok=False, reason=reason)


def handshake(answer: Answer, *, verified: bool = False) -> Verdict:
    return Verdict(ok=True, verified=verified, handshake=True, answer=answer)


def refused_handshake(reason: str) -> Verdict:
    """It is a handshake, and not a good one: refused as such also where its method is not allowed otherwise."""
    return Verdict(ok=False, reason=reason, handshake=True)


class Verifier(Protocol):
    @property
    def credential_headers(self) -> frozenset[str]:
        """Lower-case headers that carry the sender's credential itself and so must not be passed on."""

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        """Judge one request; `now` in Unix seconds. Never raises, whatever the request holds."""


@runtime_checkable
class RemoteKeyVerifier(Verifier, Protocol):
    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        """Judge again, with the document that the verdict of `verify` wanted."""
