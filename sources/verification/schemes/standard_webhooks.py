"""Standard Webhooks (standardwebhooks.com), spoken by Svix and many others: `id.timestamp.body`, HMAC or Ed25519.

Headers come as `webhook-*` or `svix-*`; the signature header is a list of `v1,<base64>` (HMAC-SHA256) and
`v1a,<base64>` (Ed25519), separated by spaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sources.verification.fields import Field, all_values, secret_field, tolerance_field
from sources.verification.request import InboundRequest
from sources.verification.schemes.algorithms import Key, load_hmac_key, load_public_key
from sources.verification.schemes.decoding import decode_base64
from sources.verification.schemes.freshness import timestamp_fault
from sources.verification.schemes.signed_header import MAX_SIGNATURES
from sources.verification.verdict import VERIFIED, Verdict, refused

DEFAULT_TOLERANCE_S: Final = 300
_FAMILIES: Final = ("webhook-", "svix-")
# Without a full stop in it, the three parts of the signed text cannot be divided in another way.
_ID: Final = re.compile(r"[!-\-/-~]{1,256}")


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """text_secret: Polar uses the secret as it is shown instead of decoding it."""

    text_secret: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        help = "" if self.text_secret else "whsec_... (or whpk_... for Ed25519), as the provider shows it."
        return (secret_field(help=help, check=self._fault), tolerance_field(DEFAULT_TOLERANCE_S))

    def compile(self, auth: Mapping[str, Any]) -> StandardWebhooksVerifier:
        loaded = [self._load(secret) for secret in all_values(auth, "secret")]
        return StandardWebhooksVerifier(
            keys={version: tuple(key for of, key in loaded if of == version) for version in ("v1", "v1a")},
            tolerance_s=auth.get("tolerance", DEFAULT_TOLERANCE_S),
        )

    def _load(self, secret: str) -> tuple[str, Key]:
        if self.text_secret:
            return "v1", load_hmac_key(secret, "text", "sha256")
        if secret.startswith("whpk_"):
            return "v1a", load_public_key(secret, "ed25519")
        return "v1", load_hmac_key(secret, "base64", "sha256")

    def _fault(self, secret: str) -> str | None:
        try:
            self._load(secret)
        except ValueError:
            return "must be whsec_ or whpk_ followed by base64"
        return None


@dataclass(frozen=True, slots=True)
class StandardWebhooksVerifier:
    keys: Mapping[str, tuple[Key, ...]]
    tolerance_s: float

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        headers = request.headers
        family = next((each for each in _FAMILIES if f"{each}signature" in headers), _FAMILIES[0])
        signatures = headers.get(f"{family}signature", "")
        if not signatures:
            return refused("signature header webhook-signature (or svix-signature) is missing")
        identifier, timestamp = headers.get(f"{family}id", ""), headers.get(f"{family}timestamp", "").strip()
        if not _ID.fullmatch(identifier):
            return refused(f"header {family}id is {'no id' if identifier else 'missing'}")
        fault = timestamp_fault(timestamp, where=f"{family}timestamp", tolerance_s=self.tolerance_s, now=now)
        if fault:
            return refused(fault)
        signed = b".".join((identifier.encode(), timestamp.encode(), request.body))
        matched = False
        for token in signatures.split()[:MAX_SIGNATURES]:
            version, _, text = token.partition(",")
            signature = decode_base64(text.rstrip(","))
            for key in self.keys.get(version, ()):
                matched |= signature is not None and key.signed(signed, signature)
        if matched:
            return VERIFIED
        return refused(
            f"no signature in {family}signature matches: the secret is wrong or the request was changed on its way"
        )
