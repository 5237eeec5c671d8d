"""The engine of most providers: a signature in a header, over a text that a template names, with or without a time.

A row of the table is one `SignedHeader`: which header, what is signed, by which algorithm, in which encoding. Several
signatures in the header, and several secrets, are good if any pair matches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sources.verification.fields import Field, all_values, secret_field, tolerance_field
from sources.verification.request import InboundRequest
from sources.verification.schemes.algorithms import (
    Key,
    TwiceHashed,
    any_signed,
    load_hmac_key,
    load_public_key,
    public_key_fault,
)
from sources.verification.schemes.decoding import decode_signature
from sources.verification.schemes.freshness import UNIX, timestamp_fault
from sources.verification.schemes.signed_text import SignedText, SignedValues, compile_signed_text
from sources.verification.verdict import VERIFIED, Verdict, refused

MAX_SIGNATURES: Final = 16
_SEPARATORS: Final = re.compile(r"[,\s]+")
_FIELD_SEPARATORS: Final = re.compile(r"[,;]\s*")
# A signed text of the timed form, written as if it were a body.
_TIMED_TEXT: Final = re.compile(rb"[0-9]{9,16}[.:]")


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """header: where the signatures are; `more_headers` may hold further ones.
    signed: the template of the signed text (signed_text.py).
    algorithm: hmac-sha1, hmac-sha256, hmac-sha512, ed25519, ecdsa, rsa-sha256. encoding: hex or base64.
    key_form: text, hex, base64 (load_hmac_key). prefix: stands before each signature, and must.
    time_field, signature_field: for headers such as `t=...,v1=...`. time_header: the time's own header.
    optional_time: without that header the body alone is signed (Grafana).
    tolerance_s: None does not look at the age unless the operator asks for it.
    fixed_url: the operator may say which URL the provider signs (Square, Trello, Mandrill).
    """

    header: str
    signed: str = "{body}"
    algorithm: str = "hmac-sha256"
    encoding: str = "hex"
    key_form: str = "text"
    prefix: str = ""
    more_headers: tuple[str, ...] = ()
    time_field: str | None = None
    signature_field: str = ""
    time_header: str | None = None
    time_form: str = UNIX
    optional_time: bool = False
    tolerance_s: int | None = None
    fixed_url: bool = False
    key_label: str = "Signing secret"
    twice_hashed: bool = False

    @property
    def is_timed(self) -> bool:
        return self.time_field is not None or self.time_header is not None

    @property
    def takes_public_key(self) -> bool:
        return not self.algorithm.startswith("hmac-")

    @property
    def fields(self) -> tuple[Field, ...]:
        fields = [_public_key_field(self.algorithm) if self.takes_public_key else self._secret_field()]
        if self.is_timed:
            fields.append(tolerance_field(self.tolerance_s))
        if self.fixed_url:
            fields.append(_URL_FIELD)
        return tuple(fields)

    def _secret_field(self) -> Field:
        def check(secret: str) -> str | None:
            try:
                load_hmac_key(secret, self.key_form, "sha256")
            except ValueError as error:
                return str(error)
            return None

        return secret_field(self.key_label, check=None if self.key_form == "text" else check)

    def compile(self, auth: Mapping[str, Any]) -> SignedHeaderVerifier:
        return SignedHeaderVerifier(
            scheme=self,
            keys=self._keys(auth),
            text=compile_signed_text(self.signed),
            tolerance_s=auth.get("tolerance", self.tolerance_s),
            url=auth.get("url"),
        )

    def _keys(self, auth: Mapping[str, Any]) -> tuple[Key, ...]:
        if self.takes_public_key:
            keys = tuple(load_public_key(text, self.algorithm) for text in all_values(auth, "public_key"))
            return tuple(TwiceHashed(key) for key in keys) if self.twice_hashed else keys
        digest = self.algorithm.removeprefix("hmac-")
        return tuple(load_hmac_key(secret, self.key_form, digest) for secret in all_values(auth, "secret"))


_URL_FIELD: Final = Field(
    "url",
    "Webhook URL as the provider has it",
    required=False,
    help="The provider signs the URL too. Leave it out when this source's URL was entered as it is shown.",
)


def _public_key_field(algorithm: str) -> Field:
    return Field(
        "public_key",
        "Public key",
        many=True,
        multiline=True,
        help="PEM or base64, as the provider shows it.",
        check=public_key_fault(algorithm),
    )


@dataclass(frozen=True, slots=True)
class SignedHeaderVerifier:
    scheme: SignedHeader
    keys: tuple[Key, ...]
    text: SignedText
    tolerance_s: float | None
    url: str | None

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        scheme = self.scheme
        value = request.headers.get(scheme.header, "").strip()
        for name in scheme.more_headers:
            if name in request.headers:
                value = f"{value},{request.headers[name].strip()}".strip(",")
        if not value:
            return refused(f"signature header {scheme.header} is missing")
        time, environment, signatures = self._read(request, value)
        if not signatures:
            form = f"after {scheme.prefix or scheme.signature_field + '='} " if self._is_labelled else ""
            return refused(f"signature header {scheme.header} holds no {scheme.encoding} signature {form}".rstrip())
        text = self.text
        if scheme.is_timed and not (scheme.optional_time and not time):
            where = scheme.time_header or scheme.header
            fault = timestamp_fault(time, where=where, tolerance_s=self.tolerance_s, now=now, form=scheme.time_form)
            if fault:
                return refused(fault)
        elif scheme.optional_time:
            if _TIMED_TEXT.match(request.body):
                return refused("the body begins with a timestamp, as only signed texts do: a replayed signature")
            text = _BODY_ALONE
        fault = text.fault(request)
        if fault:
            return refused(fault)
        signed = text.build(SignedValues(request, time, self.url or request.url, environment))
        if any_signed(self.keys, signed, signatures):
            return VERIFIED
        key = "public key" if scheme.takes_public_key else "secret"
        about = ", the URL is not the one that the provider called" if "url" in scheme.signed else ""
        return refused(
            f"no signature in {scheme.header} matches: the {key} is wrong{about}, or the request was changed on its way"
        )

    @property
    def _is_labelled(self) -> bool:
        return bool(self.scheme.prefix or self.scheme.time_field)

    def _read(self, request: InboundRequest, value: str) -> tuple[str, str, list[bytes]]:
        """The time, Hygraph's environment, and the signatures that can be read."""
        scheme = self.scheme
        if scheme.time_field is not None:
            pairs = [part.partition("=") for part in _FIELD_SEPARATORS.split(value)[: 2 * MAX_SIGNATURES]]
            named = {name: text for name, _, text in reversed(pairs)}
            texts = [text for name, _, text in pairs if name == scheme.signature_field]
            return named.get(scheme.time_field, ""), named.get("env", ""), self._decode(texts)
        time = request.headers.get(scheme.time_header, "").strip() if scheme.time_header else ""
        tokens = _SEPARATORS.split(value)[:MAX_SIGNATURES]
        prefix = scheme.prefix
        texts = [token[len(prefix) :] for token in tokens if token.startswith(prefix)] if prefix else tokens
        return time, "", self._decode(texts)

    def _decode(self, texts: list[str]) -> list[bytes]:
        decoded = (decode_signature(text, self.scheme.encoding) for text in texts[:MAX_SIGNATURES])
        return [signature for signature in decoded if signature]


_BODY_ALONE: Final = compile_signed_text("{body}")
