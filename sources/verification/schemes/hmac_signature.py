"""Generic HMAC: one shared secret, one signature header, whatever form the provider writes it in.

Forms, recognised from the header's value (design: providers.md, families a and b):
- `t=<ts>,v1=<sig>[,v1=<sig>]` (Stripe, Calendly, WorkOS, Sanity) signs `ts.body`; other versions such as v0 are
  ignored, as Stripe's documentation demands, so that nobody can downgrade;
- `ts=<ts>;h1=<sig>` (Paddle Billing) signs `ts:body`;
- with a timestamp header: `v0=<sig>` (Slack, Zoom) signs `v0:ts:body`, an unversioned one signs `ts.body` or `ts:body`;
- otherwise a signature of the body, hex or base64, bare (Shopify, WooCommerce) or behind `sha256=` (GitHub) or `v0=`.
Several signatures separated by commas or spaces: any one may match. The secret is used literally, as UTF-8 bytes.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fasthook.lib.config_fields import ObjectReader, read_choice, read_header_name, read_text
from sources.verification.fields import all_values, read_tolerance, read_values
from sources.verification.request import InboundRequest
from sources.verification.schemes.decoding import decode_base64, decode_hex
from sources.verification.schemes.freshness import timestamp_fault
from sources.verification.verdict import VERIFIED, Verdict, refused

DEFAULT_TOLERANCE_S: Final = 300
MAX_SIGNATURES: Final = 16

DIGEST_BYTES: Final = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
ENCODINGS: Final = ("auto", "hex", "base64")

# Signature headers whose timestamp always travels in a second header, so that naming the first is enough.
TIMESTAMP_HEADERS: Final = {
    "x-slack-signature": "x-slack-request-timestamp",
    "x-zm-signature": "x-zm-request-timestamp",
}

# The field that holds the time -> the field that holds signatures, and what stands between time and body.
_TIMED_FIELDS: Final = {"t": ("v1", b"."), "ts": ("h1", b":")}

_SEPARATORS = re.compile(r"[,\s]+")
_LABEL = re.compile(r"(sha1|sha256|sha384|sha512|v[0-9]+)=(?==*[^=])", re.IGNORECASE | re.ASCII)
_VERSION = re.compile(r"v[0-9]+")
# The signed text of the timed forms, written as if it were a body.
_TIMED_TEXT = re.compile(rb"(v[0-9]{1,3}:)?[0-9]{9,16}[.:]")


def normalise_hmac(auth: object, *, at: str) -> dict[str, Any]:
    known = ("secret", "signature_header", "algorithm", "encoding", "prefix", "timestamp_header", "tolerance")
    fields = ObjectReader(auth, at=at, known=known)
    normal: dict[str, Any] = {
        "secret": read_values(fields.require("secret"), read_text, at=fields.at("secret")),
        "signature_header": read_header_name(fields.require("signature_header"), at=fields.at("signature_header")),
        "algorithm": read_choice(fields.get("algorithm", "sha256"), DIGEST_BYTES, at=fields.at("algorithm")),
        "encoding": read_choice(fields.get("encoding", "auto"), ENCODINGS, at=fields.at("encoding")),
    }
    if fields.has("prefix") and fields.get("prefix") != "":
        normal["prefix"] = read_text(fields.get("prefix"), at=fields.at("prefix"), max_length=64)
    if fields.has("timestamp_header"):
        at_header = fields.at("timestamp_header")
        normal["timestamp_header"] = read_header_name(fields.get("timestamp_header"), at=at_header)
    if fields.has("tolerance"):
        normal["tolerance"] = read_tolerance(fields.get("tolerance"), at=fields.at("tolerance"))
    return normal


@dataclass(frozen=True, slots=True)
class _Signed:
    """One signature as the sender claims it: which bytes it covers (before the body) and its value."""

    before_body: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class HmacVerifier:
    secrets: tuple[bytes, ...] = field(repr=False)
    signature_header: str
    algorithm: str
    encoding: str
    prefix: str
    timestamp_header: str | None
    tolerance_s: int

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        value = request.headers.get(self.signature_header, "").strip()
        if not value:
            return refused(f"signature header {self.signature_header} is missing")
        timed = None if self.prefix or self.timestamp_header else _read_timed_form(value)
        if timed is not None:
            return self._verify_timed_form(request, timed, now=now)
        if self.prefix:
            if not value.startswith(self.prefix):
                return refused(f"signature header {self.signature_header} does not begin with the configured prefix")
            value = value[len(self.prefix) :].strip()
        timestamp = None
        if self.timestamp_header is not None:
            timestamp = request.headers.get(self.timestamp_header, "").strip()
            fault = timestamp_fault(timestamp, where=self.timestamp_header, tolerance_s=self.tolerance_s, now=now)
            if fault:
                return refused(fault)
        elif _TIMED_TEXT.match(request.body):
            # A captured `t=T,v1=S` would otherwise pass for ever as the bare signature S of the body `T.body`.
            return refused("the body begins with a timestamp, as only signed texts do: a replayed signature")
        return self._verify_signatures(request, value, timestamp=timestamp)

    def _verify_timed_form(self, request: InboundRequest, timed: _TimedForm, *, now: float) -> Verdict:
        if not timed.signatures:
            return refused(f"signature header {self.signature_header} has no {timed.signature_field} signature")
        fault = timestamp_fault(timed.timestamp, where=self.signature_header, tolerance_s=self.tolerance_s, now=now)
        if fault:
            return refused(fault)
        before_body = timed.timestamp.encode() + timed.separator
        claims = [
            _Signed(before_body, signature)
            for text in timed.signatures
            if (signature := self._decode(text)) is not None
        ]
        return self._judge(request, claims)

    def _verify_signatures(self, request: InboundRequest, value: str, *, timestamp: str | None) -> Verdict:
        claims = []
        foreign_label = None
        for token in _SEPARATORS.split(value)[:MAX_SIGNATURES]:
            label, text = self._split_label(token)
            if label in DIGEST_BYTES and label != self.algorithm:
                foreign_label = label
                continue
            signature = self._decode(text)
            if signature is not None:
                claims += [_Signed(before, signature) for before in _before_body(label, timestamp)]
        if not claims and foreign_label:
            expected = f"this source expects {self.algorithm}"
            return refused(f"signature header {self.signature_header} holds a {foreign_label} signature, {expected}")
        return self._judge(request, claims)

    def _split_label(self, token: str) -> tuple[str, str]:
        """("sha256" or "v0" in lower case, or "", the signature itself)."""
        if self.prefix:
            return self.prefix.rstrip("=:").lower(), token.removeprefix(self.prefix)
        found = _LABEL.match(token)
        return (found[1].lower(), token[found.end() :]) if found else ("", token)

    def _judge(self, request: InboundRequest, claims: list[_Signed]) -> Verdict:
        if not claims:
            form = "hex or base64" if self.encoding == "auto" else self.encoding
            return refused(
                f"signature header {self.signature_header} holds no readable {self.algorithm} signature ({form})"
            )
        matched = False
        for before_body in {claim.before_body for claim in claims}:
            signed_text = before_body + request.body
            for secret in self.secrets:
                expected = hmac.digest(secret, signed_text, self.algorithm)
                for claim in claims:
                    if claim.before_body == before_body:
                        matched |= hmac.compare_digest(claim.signature, expected)
        if matched:
            return VERIFIED
        cause = "the secret is wrong or the request was changed on its way"
        return refused(f"no signature in {self.signature_header} matches: {cause}")

    def _decode(self, text: str) -> bytes | None:
        """The signature's bytes, or None when it cannot be one of this algorithm."""
        size = DIGEST_BYTES[self.algorithm]
        if self.encoding != "base64" and len(text) == 2 * size and (as_hex := decode_hex(text)) is not None:
            return as_hex
        if self.encoding == "hex":
            return None
        decoded = decode_base64(text)
        return decoded if decoded is not None and len(decoded) == size else None


@dataclass(frozen=True, slots=True)
class _TimedForm:
    timestamp: str
    signature_field: str
    signatures: tuple[str, ...]
    separator: bytes


def _read_timed_form(value: str) -> _TimedForm | None:
    """Parse `t=...,v1=...` and `ts=...;h1=...`; None when the value is of another form."""
    fields = [part.strip().partition("=") for part in re.split(r"[,;]", value)[: 2 * MAX_SIGNATURES]]
    timestamps = [(name, text) for name, _, text in fields if name in _TIMED_FIELDS]
    if not timestamps:
        return None
    # The one that is checked is the one that must be signed, however many are sent.
    name, timestamp = timestamps[0]
    signature_field, separator = _TIMED_FIELDS[name]
    signatures = tuple(text for field, _, text in fields if field == signature_field)[:MAX_SIGNATURES]
    return _TimedForm(timestamp, signature_field, signatures, separator)


def _before_body(label: str, timestamp: str | None) -> tuple[bytes, ...]:
    """What may stand before the body in the signed text.

    With a timestamp header the timestamp must be signed, else anyone could refresh it. Plain concatenation is left out
    on purpose: digits could be moved between timestamp and body.
    """
    if timestamp is None:
        return (b"",)
    time = timestamp.encode()
    if _VERSION.fullmatch(label):
        return (label.encode() + b":" + time + b":",)
    return (time + b".", time + b":")


def compile_hmac(auth: Mapping[str, Any]) -> HmacVerifier:
    header = auth["signature_header"]
    return HmacVerifier(
        secrets=tuple(secret.encode() for secret in all_values(auth, "secret")),
        signature_header=header,
        algorithm=auth.get("algorithm", "sha256"),
        encoding=auth.get("encoding", "auto"),
        prefix=auth.get("prefix", ""),
        timestamp_header=auth.get("timestamp_header") or TIMESTAMP_HEADERS.get(header),
        tolerance_s=auth.get("tolerance", DEFAULT_TOLERANCE_S),
    )
