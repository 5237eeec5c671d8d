"""The answer of a verifier, and what every verifier looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sources.verification.request import InboundRequest


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a sentence for operators when `ok` is false; it never holds a secret or an expected signature."""

    ok: bool
    reason: str | None = None


VERIFIED = Verdict(ok=True)


def refused(reason: str) -> Verdict:
    return Verdict(ok=False, reason=reason)


class Verifier(Protocol):
    @property
    def credential_headers(self) -> frozenset[str]:
        """Lower-case headers that carry the sender's credential itself and so must not be passed on."""

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        """Judge one request; `now` in Unix seconds. Never raises, whatever the request holds."""
