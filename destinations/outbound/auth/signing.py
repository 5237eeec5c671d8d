"""FASTHOOK_SIGNATURE: how a delivery proves where it came from, and what a project's signing secret is.

One secret, two schemes that receivers choose between:
- FastHook's own: the key is the secret as shown, `whsec_` included, as UTF-8 bytes; HMAC-SHA256 in hex over
  `timestamp + "." + body`, in `x-fasthook-signature: v1=<hex>`. Nothing has to be decoded to verify it.
- Standard Webhooks (standardwebhooks.com, v1): the key is the base64 after `whsec_`, decoded; HMAC-SHA256 in base64
  over `id + "." + timestamp + "." + body`.

A secret set by a caller may be any 16 to 256 visible ASCII characters. If it is base64 (behind `whsec_` or bare)
Standard Webhooks libraries take it as it is; otherwise their key is its UTF-8 bytes, which they accept as bytes.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from destinations.outbound.auth.signer import Signature, Signer, Unsigned
from fasthook.lib.signing_secret import SECRET_PREFIX

SIGNATURE_HEADERS: Final = frozenset(
    {"x-fasthook-timestamp", "x-fasthook-signature", "webhook-id", "webhook-timestamp", "webhook-signature"}
)


def standard_webhooks_key(secret: str) -> bytes:
    """The key bytes of the Standard Webhooks scheme, see the module's first paragraphs."""
    encoded = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()
    return decoded or secret.encode()


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys of one secret, derived once."""

    literal: bytes
    standard: bytes


def derive_keys(signing_secrets: Sequence[str]) -> tuple[SigningKeys, ...]:
    return tuple(SigningKeys(secret.encode(), standard_webhooks_key(secret)) for secret in signing_secrets)


def signature_headers(
    keys: Sequence[SigningKeys], body: bytes, *, message_id: str, timestamp_s: int
) -> list[tuple[str, str]]:
    """All five headers of one delivery; every key signs, so that a rotation leaves no receiver behind.

    Raises ValueError without a key: an unsigned delivery must not look like a signed one.
    """
    if not keys:
        raise ValueError("FASTHOOK_SIGNATURE needs a signing secret")
    timestamp = str(timestamp_s)
    timed_body = timestamp.encode() + b"." + body
    identified_body = message_id.encode() + b"." + timed_body
    own = [f"v1={hmac.digest(key.literal, timed_body, 'sha256').hex()}" for key in keys]
    standard = [
        f"v1,{binascii.b2a_base64(hmac.digest(key.standard, identified_body, 'sha256'), newline=False).decode()}"
        for key in keys
    ]
    return [
        ("x-fasthook-timestamp", timestamp),
        ("x-fasthook-signature", ",".join(own)),
        ("webhook-id", message_id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", " ".join(standard)),
    ]


_keys_of = functools.lru_cache(maxsize=1024)(derive_keys)


def _sign(request: Unsigned) -> Signature:
    keys = _keys_of(request.signing_secrets)
    headers = signature_headers(keys, request.body, message_id=request.event_id, timestamp_s=int(request.now))
    return Signature(request.url, headers)


PROJECT_SIGNER: Final = Signer(_sign, writes=SIGNATURE_HEADERS)
