"""Keys that a signature is checked against: shared secrets (HMAC) and public keys, loaded once per source.

A key answers whether a signature is its own, in constant time where a secret is involved, and raises nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sources.verification.schemes.decoding import decode_base64, decode_hex

MIN_RSA_BITS: Final = 2048


class Key(Protocol):
    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `text`."""


@dataclass(frozen=True, slots=True)
class HmacKey:
    secret: bytes = field(repr=False)
    digest: str = "sha256"

    def signed(self, text: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(self.secret, text, self.digest), signature)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    key: Ed25519PublicKey

    def signed(self, text: bytes, signature: bytes) -> bool:
        return _holds(lambda: self.key.verify(signature, text))


@dataclass(frozen=True, slots=True)
class EcdsaKey:
    """P-256 with SHA-256; the signature in DER."""

    key: ec.EllipticCurvePublicKey

    def signed(self, text: bytes, signature: bytes) -> bool:
        return _holds(lambda: self.key.verify(signature, text, ec.ECDSA(hashes.SHA256())))


@dataclass(frozen=True, slots=True)
class RsaKey:
    """PKCS #1 v1.5."""

    key: rsa.RSAPublicKey
    digest: hashes.HashAlgorithm

    def signed(self, text: bytes, signature: bytes) -> bool:
        return _holds(lambda: self.key.verify(signature, text, padding.PKCS1v15(), self.digest))


@dataclass(frozen=True, slots=True)
class TwiceHashed:
    """Bridge signs the SHA-256 of the text, with a signature that hashes again."""

    key: Key

    def signed(self, text: bytes, signature: bytes) -> bool:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(text)
        return self.key.signed(digest.finalize(), signature)


def _holds(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, ValueError):
        return False
    return True


def any_signed(keys: Iterable[Key], text: bytes, signatures: Sequence[bytes]) -> bool:
    """Whether one of the signatures is one of the keys'. All pairs are looked at, so that time does not tell which of
    several secrets is in use."""
    matches = [key.signed(text, signature) for key in keys for signature in signatures]
    return any(matches)


def load_hmac_key(secret: str, form: str, digest: str) -> HmacKey:
    """`form` says how the secret is written: `text` (as it is), `hex`, `base64` (whsec_ and base64)."""
    if form == "text":
        return HmacKey(secret.encode(), digest)
    decoded = decode_hex(secret) if form == "hex" else decode_base64(secret.removeprefix("whsec_"))
    if not decoded:
        raise ValueError(f"must be written in {form}")
    return HmacKey(decoded, digest)


def load_public_key(text: str, algorithm: str) -> Key:
    """A key from PEM, or from base64 of its DER; Ed25519 also from the 32 bytes in hex or base64. ValueError."""
    if algorithm == "ed25519" and "-----BEGIN" not in text:
        raw = decode_hex(text) if len(text) == 64 else decode_base64(text.removeprefix("whpk_"))
        if raw is not None and len(raw) == 32:
            return Ed25519Key(Ed25519PublicKey.from_public_bytes(raw))
    return wrap_public_key(_load_document(text), algorithm)


def wrap_public_key(key: object, algorithm: str) -> Key:
    """ValueError for a key that is not of this algorithm, or too weak for it."""
    if algorithm == "ed25519" and isinstance(key, Ed25519PublicKey):
        return Ed25519Key(key)
    if algorithm == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return EcdsaKey(key)
        raise ValueError("must be a key on the curve P-256")
    if algorithm in ("rsa-sha1", "rsa-sha256") and isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise ValueError(f"must be an RSA key of at least {MIN_RSA_BITS} bits")
        # SNS still signs with SHA-1 (SignatureVersion 1); a second preimage of SHA-1 is out of reach.
        return RsaKey(key, hashes.SHA1() if algorithm == "rsa-sha1" else hashes.SHA256())  # noqa: S303
    raise ValueError(f"must be a public key for {algorithm}")


def public_key_fault(algorithm: str) -> Callable[[str], str | None]:
    """For a field's check: what is wrong with a public key, or None."""

    def check(text: str) -> str | None:
        try:
            load_public_key(text, algorithm)
        except ValueError as error:
            return str(error)
        return None

    return check


def _load_document(text: str) -> object:
    try:
        if "-----BEGIN" in text:
            return serialization.load_pem_public_key(text.encode())
        decoded = decode_base64("".join(text.split()))
        return serialization.load_der_public_key(decoded or b"")
    except Exception as error:  # cryptography raises what its parser raises, of several kinds
        raise ValueError("must be a public key in PEM or base64") from error
