"""Providers whose public keys lie on their own servers: PayPal, Plaid, fal.ai.

A verifier says which document it wants (from hosts that are written here, over https), and judges when it has it.
Fetching, caching and bounding are not done here (events/ingress/provider_keys.py).
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sources.verification.fields import Field, all_values, tolerance_field
from sources.verification.request import InboundRequest
from sources.verification.schemes.algorithms import EcdsaKey, Key, any_signed, load_public_key, wrap_public_key
from sources.verification.schemes.decoding import comparable, decode_base64, decode_hex, read_json_object
from sources.verification.schemes.freshness import timestamp_fault
from sources.verification.schemes.jwt import Token, is_hash_of, issued_at_fault, read_token
from sources.verification.schemes.signed_text import SignedText, SignedValues, compile_signed_text
from sources.verification.verdict import VERIFIED, KeyRequest, Verdict, refused

_NO_HEADERS: Final[frozenset[str]] = frozenset()


def wants(request: KeyRequest) -> Verdict:
    return Verdict(ok=False, reason="the provider's key could not be fetched", wants=request)


def is_https_url(url: str, *, host: re.Pattern[str], path: re.Pattern[str]) -> bool:
    """Whether the URL is https, of a legal host and path, and has nothing else in it that could lead elsewhere."""
    if not url.isascii() or any(char.isspace() or char == "\\" for char in url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "https" and port in (None, 443) and "@" not in parts.netloc and not parts.fragment
    return plain and bool(host.fullmatch(parts.hostname or "")) and bool(path.fullmatch(parts.path))


def certificate_key(document: bytes, algorithm: str, *, now: float) -> Key | None:
    """The public key of the first certificate in PEM, while it is valid."""
    try:
        certificate = x509.load_pem_x509_certificate(document)
        valid = certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp()
        return wrap_public_key(certificate.public_key(), algorithm) if valid else None
    except Exception:  # cryptography raises what its parser raises, of several kinds
        return None


_PAYPAL_HOST: Final = re.compile(r"api(-m)?(\.sandbox)?\.paypal\.com")
_PAYPAL_PATH: Final = re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]{1,128}")
_PAYPAL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAYPAL_HEADERS: Final = tuple(
    f"paypal-{name}" for name in ("transmission-id", "transmission-time", "transmission-sig")
)


@dataclass(frozen=True, slots=True)
class PayPal:
    """developer.paypal.com/api/rest/webhooks/rest: `id|time|webhook_id|crc32(body)`, RSA with a fetched certificate."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field("webhook_id", "Webhook ID", many=True, help="As the app's webhook list shows it."),)

    def compile(self, auth: Mapping[str, Any]) -> PayPalVerifier:
        return PayPalVerifier(all_values(auth, "webhook_id"))


@dataclass(frozen=True, slots=True)
class PayPalVerifier:
    webhook_ids: tuple[str, ...]
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        for name in _PAYPAL_HEADERS:
            if not request.headers.get(name):
                return refused(f"signature header {name} is missing")
        if not _PAYPAL_ID.fullmatch(request.headers["paypal-transmission-id"]):
            return refused("header paypal-transmission-id is no id")
        fault = timestamp_fault(
            request.headers["paypal-transmission-time"],
            where="paypal-transmission-time",
            tolerance_s=None,
            now=now,
            form="iso",
        )
        if fault:
            return refused(fault)
        if request.headers.get("paypal-auth-algo") != "SHA256withRSA":
            return refused("header paypal-auth-algo is not SHA256withRSA")
        url = request.headers.get("paypal-cert-url", "")
        if not is_https_url(url, host=_PAYPAL_HOST, path=_PAYPAL_PATH):
            return refused("header paypal-cert-url does not lead to a certificate of PayPal's")
        return wants(KeyRequest(url))

    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        key = certificate_key(document, "rsa-sha256", now=now)
        if key is None:
            return refused("the certificate at paypal-cert-url is not valid")
        identifier, time, text = (request.headers[name] for name in _PAYPAL_HEADERS)
        signature = decode_base64(text) or b""
        checksum = zlib.crc32(request.body)
        for webhook_id in self.webhook_ids:
            if key.signed(comparable(f"{identifier}|{time}|{webhook_id}|{checksum}"), signature):
                return VERIFIED
        return refused("paypal-transmission-sig does not match: the webhook ID is wrong or the request was changed")


PLAID_TOLERANCE_S: Final = 300
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Plaid:
    """plaid.com/docs/api/webhooks/webhook-verification: an ES256 token, its key by `kid` from Plaid's API."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return (
            Field("client_id", "Client ID", help="Plaid gives its keys only to a client."),
            Field("secret", "API secret", "secret", help="Of the environment below."),
            Field(
                "environment",
                "Environment",
                "choice",
                required=False,
                default="production",
                choices=("production", "sandbox"),
            ),
            tolerance_field(PLAID_TOLERANCE_S),
        )

    def compile(self, auth: Mapping[str, Any]) -> PlaidVerifier:
        return PlaidVerifier(
            client_id=auth["client_id"],
            secret=auth["secret"],
            url=f"https://{auth.get('environment', 'production')}.plaid.com/webhook_verification_key/get",
            tolerance_s=auth.get("tolerance", PLAID_TOLERANCE_S),
        )


@dataclass(frozen=True, slots=True)
class PlaidVerifier:
    client_id: str
    secret: str = field(repr=False)
    url: str
    tolerance_s: float
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        token = self._token(request, now=now)
        if isinstance(token, Verdict):
            return token
        key_id = token.header.get("kid")
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            return refused("the token in plaid-verification names no key (kid)")
        body = json.dumps({"client_id": self.client_id, "secret": self.secret, "key_id": key_id}).encode()
        return wants(KeyRequest(self.url, "POST", (("content-type", "application/json"),), body))

    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        token = self._token(request, now=now)
        if isinstance(token, Verdict):
            return token
        answer = read_json_object(document) or {}
        jwk = answer.get("key")
        if not isinstance(jwk, dict) or jwk.get("kid") != token.header.get("kid") or jwk.get("expired_at") is not None:
            return refused("Plaid has no valid key for the token in plaid-verification")
        key = _p256_key(jwk)
        if key is None or not key.signed(token.signed, token.signature_for("ES256")):
            return refused("the signature of the token in plaid-verification does not match")
        if not is_hash_of(token.claims.get("request_body_sha256"), request.body):
            return refused("the body is not the one whose hash is in the token's claim request_body_sha256")
        return VERIFIED

    def _token(self, request: InboundRequest, *, now: float) -> Token | Verdict:
        value = request.headers.get("plaid-verification", "")
        if not value:
            return refused("signature header plaid-verification is missing")
        token = read_token(value)
        if token is None or token.algorithm != "ES256":
            return refused("signature header plaid-verification holds no token signed with ES256")
        fault = issued_at_fault(token.claims, tolerance_s=self.tolerance_s, now=now)
        return refused(fault) if fault else token


def _p256_key(jwk: Mapping[str, Any]) -> Key | None:
    x, y = (decode_base64(str(jwk.get(name, ""))) or b"" for name in ("x", "y"))
    if jwk.get("crv") != "P-256" or len(x) != 32 or len(y) != 32:
        return None
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    try:
        return EcdsaKey(numbers.public_key())
    except ValueError:
        return None


FAL_TOLERANCE_S: Final = 300
FAL_KEYS_URL: Final = "https://rest.fal.ai/.well-known/jwks.json"
_FAL_TEXT: Final = "{header:x-fal-webhook-request-id}\n{header:x-fal-webhook-user-id}\n{time}\n{body_sha256}"


@dataclass(frozen=True, slots=True)
class Fal:
    """docs.fal.ai, "Webhooks", "Verifying your webhook": Ed25519 over ids, time and the body's hash; keys by JWKS."""

    @property
    def fields(self) -> tuple[Field, ...]:
        help = "x-fal-webhook-user-id of your requests: fal signs those of all its users with the same keys."
        return (Field("user_id", "User ID", many=True, help=help), tolerance_field(FAL_TOLERANCE_S))

    def compile(self, auth: Mapping[str, Any]) -> FalVerifier:
        text = compile_signed_text(_FAL_TEXT)
        return FalVerifier(all_values(auth, "user_id"), auth.get("tolerance", FAL_TOLERANCE_S), text)


@dataclass(frozen=True, slots=True)
class FalVerifier:
    user_ids: tuple[str, ...]
    tolerance_s: float
    text: SignedText
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        headers = request.headers
        if not headers.get("x-fal-webhook-signature"):
            return refused("signature header x-fal-webhook-signature is missing")
        time, where = headers.get("x-fal-webhook-timestamp", ""), "x-fal-webhook-timestamp"
        fault = timestamp_fault(time, where=where, tolerance_s=self.tolerance_s, now=now) or self.text.fault(request)
        if fault:
            return refused(fault)
        if headers["x-fal-webhook-user-id"] not in self.user_ids:
            return refused("x-fal-webhook-user-id is not one that this source is for")
        return wants(KeyRequest(FAL_KEYS_URL))

    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        signature = decode_hex(request.headers["x-fal-webhook-signature"].strip()) or b""
        signed = self.text.build(SignedValues(request, request.headers["x-fal-webhook-timestamp"], request.url))
        keys = _ed25519_keys(document)
        if any_signed(keys, signed, [signature]):
            return VERIFIED
        return refused("x-fal-webhook-signature matches none of fal's keys")


def _ed25519_keys(document: bytes) -> list[Key]:
    listed = (read_json_object(document) or {}).get("keys")
    keys = []
    for jwk in listed[:32] if isinstance(listed, list) else []:
        if isinstance(jwk, dict) and isinstance(jwk.get("x"), str):
            try:
                keys.append(load_public_key(jwk["x"], "ed25519"))
            except ValueError:
                continue
    return keys
