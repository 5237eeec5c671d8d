"""Providers that put what proves them into the body: Mailgun, Adyen, Microsoft Graph; and Linear, its time.

The body is parsed as JSON here, before anything is known of the sender; its size is bounded by ingress.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sources.verification.fields import Field, all_values, secret_field, tolerance_field
from sources.verification.request import InboundRequest
from sources.verification.schemes.algorithms import HmacKey, Key, any_signed, load_hmac_key
from sources.verification.schemes.decoding import comparable, decode_base64, decode_hex, is_one_of, read_json_object
from sources.verification.schemes.freshness import age_fault, timestamp_fault
from sources.verification.schemes.signed_header import SignedHeader, SignedHeaderVerifier
from sources.verification.verdict import VERIFIED, Verdict, refused

# Mailgun signs a time and a token, not the body, and sends again for about eight hours without signing anew.
MAILGUN_TOLERANCE_S: Final = 30_000
LINEAR_TOLERANCE_S: Final = 60
_NOT_AN_OBJECT: Final = refused("the body, which carries the signature, is not a JSON object")
_NO_HEADERS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Mailgun:
    """documentation.mailgun.com, "Securing webhooks": hex HMAC-SHA256 of timestamp and token."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return (secret_field("HTTP webhook signing key"), tolerance_field(MAILGUN_TOLERANCE_S))

    def compile(self, auth: Mapping[str, Any]) -> MailgunVerifier:
        keys = tuple(HmacKey(secret.encode()) for secret in all_values(auth, "secret"))
        return MailgunVerifier(keys, auth.get("tolerance", MAILGUN_TOLERANCE_S))


@dataclass(frozen=True, slots=True)
class MailgunVerifier:
    keys: tuple[Key, ...]
    tolerance_s: float
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        body = read_json_object(request.body)
        if body is None:
            return _NOT_AN_OBJECT
        given = body.get("signature")
        if not isinstance(given, dict):
            return refused("the field signature is missing in the body")
        timestamp, token = str(given.get("timestamp", "")), given.get("token")
        if not isinstance(token, str) or not token.isalnum():
            return refused("the field signature.token is missing in the body")
        fault = timestamp_fault(timestamp, where="signature.timestamp", tolerance_s=self.tolerance_s, now=now)
        if fault:
            return refused(fault)
        # A subaccount's message is also signed with the key of the account above it.
        texts = (given.get("signature"), given.get("parent-signature"))
        signatures = [decoded for text in texts if isinstance(text, str) and (decoded := decode_hex(text))]
        signed = comparable(timestamp + token)
        if any_signed(self.keys, signed, signatures):
            return VERIFIED
        return refused("signature.signature in the body does not match: the signing key is wrong")


@dataclass(frozen=True, slots=True)
class Adyen:
    """docs.adyen.com, "Verify HMAC signatures": every item of the notification is signed by itself."""

    @property
    def fields(self) -> tuple[Field, ...]:
        def check(secret: str) -> str | None:
            return None if decode_hex(secret) else "must be written in hex"

        return (secret_field("HMAC key (hex)", check=check),)

    def compile(self, auth: Mapping[str, Any]) -> AdyenVerifier:
        return AdyenVerifier(tuple(load_hmac_key(secret, "hex", "sha256") for secret in all_values(auth, "secret")))


@dataclass(frozen=True, slots=True)
class AdyenVerifier:
    keys: tuple[Key, ...]
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        body = read_json_object(request.body)
        if body is None:
            return _NOT_AN_OBJECT
        items = list(_adyen_items(body))
        if not items:
            return refused("the body holds no notificationItems")
        for index, item in enumerate(items):
            at = f"notificationItems[{index}].additionalData.hmacSignature"
            additional = item.get("additionalData") if item is not None else None
            text = additional.get("hmacSignature") if isinstance(additional, dict) else None
            if item is None or not isinstance(text, str) or not text:
                return refused(f"{at} is missing in the body")
            signature = decode_base64(text) or b""
            signed = adyen_signed_text(item)
            if not any_signed(self.keys, signed, [signature]):
                return refused(f"{at} does not match: the HMAC key is wrong or the notification was changed")
        return VERIFIED


def adyen_signed_text(item: Mapping[str, Any]) -> bytes:
    amount = item.get("amount")
    amount = amount if isinstance(amount, dict) else {}
    values = (
        item.get("pspReference"),
        item.get("originalReference"),
        item.get("merchantAccountCode"),
        item.get("merchantReference"),
        amount.get("value"),
        amount.get("currency"),
        item.get("eventCode"),
        item.get("success"),
    )
    return comparable(":".join(_adyen_text(value) for value in values))


def _adyen_items(body: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
    """None for what is not an item: it fails, and with it the notification."""
    listed = body.get("notificationItems")
    for each in listed if isinstance(listed, list) else []:
        item = each.get("NotificationRequestItem") if isinstance(each, dict) else None
        yield item if isinstance(item, dict) else None


def _adyen_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class MicrosoftGraph:
    """learn.microsoft.com/graph/change-notifications-delivery-webhooks: clientState of every notification."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return (secret_field("clientState of the subscription"),)

    def compile(self, auth: Mapping[str, Any]) -> MicrosoftGraphVerifier:
        return MicrosoftGraphVerifier(tuple(secret.encode() for secret in all_values(auth, "secret")))


@dataclass(frozen=True, slots=True)
class MicrosoftGraphVerifier:
    secrets: tuple[bytes, ...] = field(repr=False)
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        body = read_json_object(request.body)
        if body is None:
            return _NOT_AN_OBJECT
        notifications = body.get("value")
        if not isinstance(notifications, list) or not notifications:
            return refused("the body holds no notifications in value")
        for index, each in enumerate(notifications):
            state = each.get("clientState") if isinstance(each, dict) else None
            if not isinstance(state, str) or not state:
                return refused(f"value[{index}].clientState is missing in the body")
            if not is_one_of(comparable(state), self.secrets):
                return refused(f"value[{index}].clientState is not the one of this source")
        return VERIFIED


@dataclass(frozen=True, slots=True)
class Linear:
    """linear.app/developers/webhooks: a signature of the body, whose webhookTimestamp (ms) must be fresh."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return (*_LINEAR.fields, tolerance_field(LINEAR_TOLERANCE_S))

    def compile(self, auth: Mapping[str, Any]) -> LinearVerifier:
        return LinearVerifier(_LINEAR.compile(auth), auth.get("tolerance", LINEAR_TOLERANCE_S))


_LINEAR: Final = SignedHeader("linear-signature")


@dataclass(frozen=True, slots=True)
class LinearVerifier:
    signature: SignedHeaderVerifier
    tolerance_s: float
    credential_headers: frozenset[str] = _NO_HEADERS

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        verdict = self.signature.verify(request, now=now)
        if not verdict.ok:
            return verdict
        body = read_json_object(request.body)
        sent_at_ms = body.get("webhookTimestamp") if body is not None else None
        if isinstance(sent_at_ms, bool) or not isinstance(sent_at_ms, int | float):
            return refused("webhookTimestamp is missing in the body")
        where = "webhookTimestamp in the body"
        fault = age_fault(sent_at_ms / 1000, where=where, tolerance_s=self.tolerance_s, now=now)
        return refused(fault) if fault else VERIFIED
