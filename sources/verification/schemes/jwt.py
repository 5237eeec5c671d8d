"""JSON Web Tokens (RFC 7519) that carry a hash of the body: Netlify, FusionAuth; the parsing serves Plaid too.

The algorithm is the configured key's, never the token's choice: a token that names another one is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sources.verification.fields import Field, all_values, secret_field
from sources.verification.request import InboundRequest
from sources.verification.schemes.algorithms import HmacKey, Key, load_public_key
from sources.verification.schemes.decoding import comparable, decode_base64, read_json_object
from sources.verification.schemes.freshness import age_fault
from sources.verification.verdict import VERIFIED, Verdict, refused

_HMAC_ALGORITHMS: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_LEEWAY_S: Final = 60


@dataclass(frozen=True, slots=True)
class Token:
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> Any:
        return self.header.get("alg")

    def signature_for(self, algorithm: str) -> bytes:
        """ECDSA signatures are two numbers side by side (RFC 7518, 3.4); libraries want them in DER."""
        if algorithm != "ES256" or len(self.signature) != 64:
            return self.signature
        return encode_dss_signature(int.from_bytes(self.signature[:32]), int.from_bytes(self.signature[32:]))


def read_token(text: str) -> Token | None:
    parts = text.strip().split(".")
    if len(parts) != 3:
        return None
    header, claims, signature = (decode_base64(part) for part in parts)
    if header is None or claims is None or not signature:
        return None
    header_object, claims_object = read_json_object(header), read_json_object(claims)
    if header_object is None or claims_object is None or "crit" in header_object:
        return None
    return Token(header_object, claims_object, f"{parts[0]}.{parts[1]}".encode(), signature)


def time_claims_fault(claims: Mapping[str, Any], *, now: float) -> str | None:
    """exp and nbf, where the token has them (RFC 7519, 4.1)."""
    for name in ("exp", "nbf"):
        value = claims.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"the claim {name} of the token is not a time"
        if name == "exp" and now > value + _LEEWAY_S:
            return f"the token is {now - value:.0f} s too old (exp)"
        if name == "nbf" and now < value - _LEEWAY_S:
            return f"the token is {value - now:.0f} s too early (nbf)"
    return None


def issued_at_fault(claims: Mapping[str, Any], *, tolerance_s: float, now: float) -> str | None:
    value = claims.get("iat")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "the claim iat of the token is missing"
    return age_fault(value, where="the token's iat", tolerance_s=tolerance_s, now=now)


def is_hash_of(claim: Any, body: bytes) -> bool:
    """Whether the claim is the body's SHA-256, in hex or in base64."""
    digest = hashlib.sha256(body).digest()
    given = comparable(claim) if isinstance(claim, str) else b""
    as_hex = hmac.compare_digest(given, digest.hex().encode())
    return as_hex | hmac.compare_digest(given, base64.b64encode(digest))


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token in `header`, whose claim `hash_claim` is the body's hash.

    public_key: the operator may give a public key (RS256, ES256, EdDSA) in place of a secret.
    """

    header: str
    hash_claim: str
    issuer: str | None = None
    public_key: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        help = "The HMAC key, or the public key in PEM for a token that is signed with one." if self.public_key else ""
        check = _fault if self.public_key else None
        secret = Field("secret", "Signing key", "secret", many=True, multiline=True, help=help, check=check)
        return (secret if self.public_key else secret_field(),)

    def compile(self, auth: Mapping[str, Any]) -> SignedTokenVerifier:
        keys: list[tuple[str, Key]] = []
        for secret in all_values(auth, "secret"):
            if self.public_key and "-----BEGIN" in secret:
                keys.append(_load_pem(secret))
            elif self.public_key:
                keys += [(name, HmacKey(secret.encode(), digest)) for name, digest in _HMAC_ALGORITHMS.items()]
            else:
                keys.append(("HS256", HmacKey(secret.encode())))
        return SignedTokenVerifier(self, tuple(keys))


def _load_pem(text: str) -> tuple[str, Key]:
    for name, algorithm in (("RS256", "rsa-sha256"), ("ES256", "ecdsa"), ("EdDSA", "ed25519")):
        try:
            return name, load_public_key(text, algorithm)
        except ValueError:
            continue
    raise ValueError("must be a public key in PEM: RSA of at least 2048 bits, P-256 or Ed25519")


def _fault(text: str) -> str | None:
    if "-----BEGIN" not in text:
        return None
    try:
        _load_pem(text)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class SignedTokenVerifier:
    scheme: SignedToken
    keys: tuple[tuple[str, Key], ...]

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        header = self.scheme.header
        value = request.headers.get(header, "")
        if not value:
            return refused(f"signature header {header} is missing")
        token = read_token(value)
        if token is None:
            return refused(f"signature header {header} holds no JSON Web Token")
        fitting = [(name, key) for name, key in self.keys if name == token.algorithm]
        if not fitting:
            return refused(f"the token in {header} is signed by an algorithm that this source's key is not for")
        matches = [key.signed(token.signed, token.signature_for(name)) for name, key in fitting]
        if not any(matches):
            return refused(f"the signature of the token in {header} does not match: the key is wrong")
        if self.scheme.issuer is not None and token.claims.get("iss") != self.scheme.issuer:
            return refused(f"the token in {header} was not issued by {self.scheme.issuer}")
        fault = time_claims_fault(token.claims, now=now)
        if fault:
            return refused(fault)
        if not is_hash_of(token.claims.get(self.scheme.hash_claim), request.body):
            return refused(f"the body is not the one whose hash is in the token's claim {self.scheme.hash_claim}")
        return VERIFIED
