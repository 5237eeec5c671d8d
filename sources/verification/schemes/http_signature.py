"""HTTP Message Signatures (RFC 9421) with Ed25519, as far as MailChannels uses them: the key by `keyid` from its API.

The signature must cover content-digest, and the digest must be the body's (RFC 9530).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sources.verification.fields import Field, all_values, tolerance_field
from sources.verification.remote_keys import wants
from sources.verification.request import InboundRequest
from sources.verification.schemes.algorithms import load_public_key
from sources.verification.schemes.decoding import decode_base64, read_json_object
from sources.verification.schemes.freshness import timestamp_fault
from sources.verification.verdict import VERIFIED, KeyRequest, Verdict, refused

MAILCHANNELS_TOLERANCE_S: Final = 300
MAILCHANNELS_KEY_URL: Final = "https://api.mailchannels.net/tx/v1/webhook/public-key?id="
_INPUT: Final = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[^,]*)?))\s*")
_COMPONENT: Final = re.compile(r'"([a-z0-9@_-]+)"')
_PARAMETER: Final = re.compile(r';\s*([a-z]+)=("?)([^";]*)\2')
_DIGEST: Final = re.compile(r"\s*(sha-256|sha-512)=:([^:]+):\s*")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """`parameters` is the text behind the label in Signature-Input, exactly as it came: it is signed too."""

    parameters: str
    components: tuple[str, ...]
    created: str
    key_id: str
    algorithm: str
    signature: bytes

    def base(self, request: InboundRequest) -> bytes | None:
        """The signature base (RFC 9421, 2.5); None when a covered component is not there."""
        lines = []
        for name in self.components:
            value = _derived(name, request) if name.startswith("@") else request.headers.get(name)
            if value is None:
                return None
            lines.append(f'"{name}": {value.strip()}')
        lines.append(f'"@signature-params": {self.parameters}')
        return "\n".join(lines).encode("utf-8", "surrogatepass")


def read_message_signature(request: InboundRequest) -> MessageSignature | None:
    """The first signature of the request; further ones are not looked at."""
    found = _INPUT.match(request.headers.get("signature-input", ""))
    if found is None:
        return None
    label, parameters, components, rest = found.groups()
    named = {match[1]: match[3] for match in _PARAMETER.finditer(rest)}
    texts = components.split()
    names = [match[1] for text in texts if (match := _COMPONENT.fullmatch(text))]
    given = re.search(rf"(?:^|,)\s*{re.escape(label)}=:([^:]+):", request.headers.get("signature", ""))
    signature = decode_base64(given[1]) if given else None
    if not signature or len(names) != len(texts):
        return None
    return MessageSignature(
        parameters=parameters.strip(),
        components=tuple(names),
        created=named.get("created", ""),
        key_id=named.get("keyid", ""),
        algorithm=named.get("alg", "ed25519"),
        signature=signature,
    )


def digest_fault(request: InboundRequest) -> str | None:
    found = _DIGEST.fullmatch(request.headers.get("content-digest", ""))
    if found is None:
        return "header content-digest is missing, or not of sha-256 or sha-512"
    actual = hashlib.new(found[1].replace("-", ""), request.body).digest()
    same = hmac.compare_digest(decode_base64(found[2]) or b"", actual)
    return None if same else "the body is not the one whose hash is in content-digest"


def _derived(name: str, request: InboundRequest) -> str | None:
    return request.method if name == "@method" else request.url if name == "@target-uri" else None


@dataclass(frozen=True, slots=True)
class MailChannels:
    """docs.mailchannels.net/email-api, "Delivery events", "Verifying the signature"."""

    @property
    def fields(self) -> tuple[Field, ...]:
        help = "MailChannels signs for all its customers with the same keys; only events of this account are taken."
        return (Field("customer_handle", "Account ID", many=True, help=help), tolerance_field(MAILCHANNELS_TOLERANCE_S))

    def compile(self, auth: Mapping[str, Any]) -> MailChannelsVerifier:
        return MailChannelsVerifier(
            all_values(auth, "customer_handle"), auth.get("tolerance", MAILCHANNELS_TOLERANCE_S)
        )


@dataclass(frozen=True, slots=True)
class MailChannelsVerifier:
    customer_handles: tuple[str, ...]
    tolerance_s: float
    credential_headers: frozenset[str] = frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        for name in ("signature", "signature-input"):
            if not request.headers.get(name):
                return refused(f"signature header {name} is missing")
        given = read_message_signature(request)
        if given is None or given.algorithm != "ed25519" or not _KEY_ID.fullmatch(given.key_id):
            return refused("headers signature and signature-input hold no Ed25519 signature with a keyid")
        if "content-digest" not in given.components:
            return refused("the signature does not cover content-digest, so the body is not signed")
        where = "signature-input (created)"
        fault = timestamp_fault(given.created, where=where, tolerance_s=self.tolerance_s, now=now)
        fault = fault or digest_fault(request) or self._account_fault(request)
        return refused(fault) if fault else wants(KeyRequest(f"{MAILCHANNELS_KEY_URL}{given.key_id}"))

    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        given = read_message_signature(request)
        answer = read_json_object(document) or {}
        base = given.base(request) if given else None
        if given is None or base is None or answer.get("id", given.key_id) != given.key_id:
            return refused("MailChannels has no key for the signature, or a signed component is missing")
        try:
            key = load_public_key(str(answer.get("key", "")), "ed25519")
        except ValueError:
            return refused("the key of MailChannels cannot be read")
        if key.signed(base, given.signature):
            return VERIFIED
        return refused("the signature does not match: the request was changed on its way")

    def _account_fault(self, request: InboundRequest) -> str | None:
        wrapped = read_json_object(b'{"events":' + request.body + b"}")
        events = wrapped.get("events") if wrapped else None
        events = events if isinstance(events, list) else [events]
        handles = [each.get("customer_handle") for each in events if isinstance(each, dict)]
        if len(handles) == len(events) and all(handle in self.customer_handles for handle in handles) and handles:
            return None
        return "customer_handle of an event is not the account that this source is for"
